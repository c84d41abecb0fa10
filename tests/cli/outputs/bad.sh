# Each mistake gives one line that names the file, and exit code 1 (2 for usage errors).
try() { xltune "$@" --model "$MODEL" --prompt x > /dev/null; echo "$?"; }
mkdir run
try save-outputs
try judge
try save-outputs --run nowhere
: > run/summary.csv; try save-outputs --run run
echo 'backend,chunk_size' > run/summary.csv; try save-outputs --run run
echo 'backend,heads_per_band,chunk_size' > run/summary.csv; try save-outputs --run run
printf 'backend,heads_per_band,chunk_size\nray,2\n' > run/summary.csv; try save-outputs --run run
printf 'backend,heads_per_band,chunk_size\nray,2,x\n' > run/summary.csv; try save-outputs --run run
printf 'backend,heads_per_band,chunk_size\nray,,16\n' > run/summary.csv; try save-outputs --run run
printf 'backend,heads_per_band,chunk_size\nbanana,2,16\n' > run/summary.csv; try save-outputs --run run
printf 'backend,heads_per_band,chunk_size\n../x,2,16\n' > run/summary.csv; try save-outputs --run run
printf 'backend,heads_per_band,chunk_size\nray,2,0\n' > run/summary.csv; try save-outputs --run run
printf 'backend,heads_per_band,chunk_size\nray,2,16\n' > run/summary.csv; : > file
try save-outputs --run run --new 1 --outputs file/outputs
try judge --outputs nowhere
mkdir none; try judge --outputs none
printf 'a\377' > none/a.txt; try judge --outputs none
printf 'b\377' > prompt.txt
xltune judge --outputs none --model "$MODEL" --prompt-file prompt.txt; echo $?
