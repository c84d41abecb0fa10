# The page knows to the second when a run began and ended.
xltune optimize --target exec --tune 'x=1:3' --trials 2 --budget 2s --effort quick --no-best --output-hash none --log-dir runs -- true '{x}' > log 2>&1 || cat log
xltune report runs/* --html page.html > log 2>&1 || cat log
python3 - <<'P'
import glob, json, re, sqlite3
run = json.loads(re.search(r'id="facts">(.*?)</script>', open("page.html", encoding="utf-8").read(), re.S).group(1))["runs"][0]
stored = sqlite3.connect(glob.glob("runs/*/study.sqlite")[0]).execute("select created, finished from run").fetchone()
print(all(abs(run[name] - at) <= 0.5 for name, at in zip(("created", "finished"), stored)))
P
