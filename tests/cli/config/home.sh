# A path that begins with ~ is one in the home folder, also where no shell has seen it: in --out=~/x, and in a file.
mkdir home
export HOME="$PWD/home"
cp -r $MODEL "$HOME/m"
show() { xltune "$@" --print-effective-config | grep -e '"model_path"' -e '"out"' | sed "s,$HOME,<home>,"; }
echo '{"model_path": "~/m", "out": "~"}' > c.json
show convert --weights q8_0 --config c.json
show convert --weights q8_0 --model='~/m' --out='~/a/b'
# What else begins so is a name like others.
show convert --weights q8_0 --model="$HOME/m" --out='~x'
show convert --weights q8_0 --model="$HOME/m" --out='./~/x'
(unset HOME; xltune convert --weights q8_0 --model="$PWD/home/m" --out='~/x' --print-effective-config | grep '"out"')
xltune convert --weights q8_0 --model='~/m' --out='~/new' | sed "s,$HOME,<home>,; s/[0-9.]* s$/N s/"
ls home .
