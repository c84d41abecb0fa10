# Each failure is one line, nothing is written, and a study that was there is as it was.
export TZ=UTC
say() { "$@" > out; echo "$?$(head -c 100 out)"; }
xltune study import $SOURCE/tests/data/run-v1.json --study all.sqlite > log
xltune study export 1 --study all.sqlite --out e.json
say xltune study
say xltune study shw 1
say xltune study zzzzzzzz
say xltune study compare 1
say xltune study show 1 2 --study all.sqlite
say xltune study import e.json
say xltune study merge all.sqlite
say xltune study show 2 --study all.sqlite
say xltune study best 1 --study all.sqlite --out best.json
say xltune study export nosuch --study all.sqlite --out none.json
say xltune study list nowhere
say xltune study show nowhere --study nowhere.sqlite
mkdir folder other
say xltune study show folder
say xltune study merge folder --study all.sqlite
echo '{"study": 3, "uid": "x"}' > folder/run_meta.json
say xltune study show folder
say xltune study list folder
echo '{"study": "study.sqlite", "uid": "x"}' > folder/run_meta.json
say xltune study show folder
cp all.sqlite folder/study.sqlite
say xltune study show folder
# In a folder of run folders those that are no runs are left out.
say xltune study list .
say xltune study import e.json --study all.sqlite
echo '{' > cut.json
say xltune study import cut.json --study new.sqlite
sed 's/"version": *2/"version": 99/' e.json > later.json
say xltune study import later.json --study new.sqlite
sed 's/"format"/"from"/' e.json > from.json
say xltune study import from.json --study new.sqlite
say xltune study import nowhere.json --study new.sqlite
sed 's/"uid": *"0/"uid": "1/' e.json > other.json
say xltune study import other.json e.json other.json --study new.sqlite
say xltune study import other.json cut.json --study new.sqlite
say xltune study merge all.sqlite nowhere.sqlite --study new.sqlite
# A mistake in a list, which is read only once for a study that is there.
sed 's/"status": *"ok"/"status": "okay"/' other.json > wrong.json
say xltune study import wrong.json --study new.sqlite
say xltune study import e.json wrong.json --study new.sqlite
say xltune study import wrong.json --study all.sqlite
xltune study import other.json --study all.sqlite
xltune study list all.sqlite | wc -l
say xltune study export 1 --study all.sqlite --out nowhere/e.json
say xltune study export 1 --study all.sqlite --format html
ls *.json *.sqlite*
