# Several devices: what is none of their usages, and a machine without any.
export VK_DRIVER_FILES=/dev/null VK_ICD_FILENAMES=/dev/null
m="--model $MODEL --prompt x --new 2 --no-best"
for flags in '--device cpu:all' '--device all --agents 2' \
  '--device all --target exec --space {"n":[1]} -- true' '--device all' '--device vulkan:all' '--device gpu:all'; do
  xltune optimize $m $flags > out 2> err
  echo "$? $(cat out err)"
done
ls runs
