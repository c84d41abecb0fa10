# A page for a browser: complete in itself, and safe whatever names it holds.
mkdir a b
cat > a/summary.csv <<'END'
backend,workers,heads_per_band,chunk_size,prefill_tok_s,decode_tok_s,prefill_s,decode_s,trial,status,duplicate_of,request_s,ratio
queued,1,1,16,100,10,1.00,1.0,0,ok,,2.00,1.00
queued,2,1,32,150,10,0.66,1.0,1,ok,,1.66,0.83
queued,2,1,64,,,,,2,failed,,,
END
evil='</script><script>alert(1)</script>&amp;'
cat > a/best.json <<END
{"params": {"workers": 2, "chunk_size": 32}, "baseline": {"params": {"workers": 1, "chunk_size": 16}},
 "speedup": {"value": 0.2, "low": 0.19, "high": 0.21, "level": 0.95, "processes": 8, "blocks": 24}, "is_baseline": false,
 "verdict": "better", "verdict_text": "better by 20 % $evil", "objective": "request_s"}
END
cp a/summary.csv b/
xltune report a
xltune report --run b --html - > piped.html
xltune report a b --html both.html
python3 - "$evil" <<'P'
import base64, hashlib, json, re, sys
for name in ("a/report.html", "piped.html", "both.html"):
    text = open(name, encoding="utf-8").read()
    facts = json.loads(re.search(r'<script type="application/json" id="facts">(.*?)</script>', text, re.S).group(1))
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text).group(1)
    scripts = re.findall(r"<(script|style)>(.*?)</\1>", text, re.S)
    allowed = all("'sha256-%s'" % base64.b64encode(hashlib.sha256(body.encode()).digest()).decode() in policy for _, body in scripts)
    outside = re.findall(r"<(?:script|link|img|iframe)[^>]*(?:src|href)=\"(?!data:)[^\"]*\"", re.sub(r"<script>.*?</script>", "", text, flags=re.S))
    print(name, len(facts["runs"]), "runs,", sorted(facts["comparisons"]), "scripts allowed:", allowed, "files named:", outside)
    run = facts["runs"][0]
    if name != "piped.html":
        words = [s for s in run["report"]["words"] if s["about"] == "verdict"][0]["lines"][0]
        print("  hostile text is kept:", sys.argv[1] in words, "and escaped:", "<script>alert" not in text and "alert(1)\\u003c/script" in text)
    print("  trials", run["trials"]["count"], run["trials"]["status"], run["trials"]["level"], run["trials"]["value"])
    print("  axes", [(a["name"], a["values"], a["baseline"]) for a in run["axes"]])
P
xltune report; echo $?
xltune report a b; echo $?
xltune report a --html nowhere/at/all.html; echo $?
