BEGIN TRANSACTION;
CREATE TABLE event (id INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE, at REAL NOT NULL, kind TEXT NOT NULL, text TEXT NOT NULL);
INSERT INTO "event" VALUES(1,1,1.79593700304015302651e+09,'start','started');
CREATE TABLE fleet (uid TEXT NOT NULL PRIMARY KEY, state TEXT NOT NULL, target TEXT NOT NULL, meta TEXT NOT NULL, created DOUBLE PRECISION NOT NULL, seen DOUBLE PRECISION NOT NULL);
CREATE TABLE machine (id INTEGER PRIMARY KEY, fingerprint TEXT NOT NULL UNIQUE, info TEXT NOT NULL);
INSERT INTO "machine" VALUES(1,'0a7329572ef7c91c542599e438435877','{"cpu":"AMD EPYC","cores":2,"caches":{"L1d":"32K","L1i":"32K","L2":"512K","L3":"32768K"},"memory_mb":24105,"os":"Debian GNU/Linux 12 (bookworm)","logical_cpus":2,"kernel":"6.18.44-fc-v782","arch":"x86_64","system":"Linux","host":"vm"}');
CREATE TABLE node (uid TEXT NOT NULL PRIMARY KEY, fleet TEXT NOT NULL REFERENCES fleet(uid) ON DELETE CASCADE, kind TEXT NOT NULL, name TEXT NOT NULL, about TEXT NOT NULL, state TEXT NOT NULL, reason TEXT, began DOUBLE PRECISION NOT NULL, seen DOUBLE PRECISION NOT NULL);
CREATE TABLE run (id INTEGER PRIMARY KEY, uid TEXT NOT NULL UNIQUE, folder TEXT NOT NULL, backend TEXT NOT NULL, state TEXT NOT NULL, mode TEXT NOT NULL, objective TEXT NOT NULL, seed INTEGER NOT NULL, machine INTEGER NOT NULL REFERENCES machine(id), version TEXT NOT NULL, created REAL NOT NULL, finished REAL, meta TEXT NOT NULL, space TEXT NOT NULL, baseline TEXT, result TEXT, metrics TEXT NOT NULL DEFAULT '{"parts":4,"objective":4,"seconds":4,"apart":[2,3],"metrics":[{"name":"prefill_tok_s","unit":"tok/s","larger_is_better":true,"of_point":false,"part":-1,"least":0,"least_share":0,"affected":1},{"name":"decode_tok_s","unit":"tok/s","larger_is_better":true,"of_point":false,"part":-1,"least":0,"least_share":0,"affected":2},{"name":"prefill_s","unit":"s","larger_is_better":false,"of_point":false,"part":0,"least":0,"least_share":0,"affected":1},{"name":"decode_s","unit":"s","larger_is_better":false,"of_point":false,"part":1,"least":0,"least_share":0,"affected":2},{"name":"request_s","unit":"s","larger_is_better":false,"of_point":false,"part":-1,"least":0,"least_share":0,"affected":3},{"name":"ttft_ms","unit":"ms","larger_is_better":false,"of_point":false,"part":-1,"least":0,"least_share":0,"affected":1},{"name":"peak_mb","unit":"MiB","larger_is_better":false,"of_point":false,"part":3,"least":0.5,"least_share":0.01,"affected":4},{"name":"kl","unit":"nats","larger_is_better":false,"of_point":true,"part":-1,"least":0,"least_share":0.02,"affected":8},{"name":"energy_j","unit":"J","larger_is_better":false,"of_point":false,"part":2,"least":0,"least_share":0,"affected":3},{"name":"ppl","unit":"","larger_is_better":false,"of_point":true,"part":-1,"least":0,"least_share":1e-05,"affected":8}]}', target TEXT NOT NULL DEFAULT 'engine', identity TEXT NOT NULL DEFAULT '{}', workload TEXT NOT NULL DEFAULT '{}', build TEXT NOT NULL DEFAULT '{}', fleet TEXT, kind TEXT);
INSERT INTO "run" VALUES(1,'91c247754f85dff3ac50079dc4cf0c51','/runs/ray_20261129_072322','ray','finished','random','request_s',1,1,'0.1.0',1.79593700281769657134e+09,1.79593700310557460786e+09,'{
  "backend": "ray",
  "model_path": "../model",
  "prompt": "ab ab",
  "new": 2,
  "mode": "random",
  "generations": 5,
  "population": 10,
  "trials": 2,
  "repeats": 1,
  "bounds": {
    "heads": [
      2,
      8
    ],
    "chunks": [
      16,
      64
    ],
    "workers": [
      4,
      8
    ]
  },
  "seed": 1,
  "config_file": null,
  "config_source": {
    "model_path": "command line",
    "prompt": "command line",
    "backend": "default",
    "target": "default",
    "mode": "command line",
    "tune": "command line",
    "objective": "default",
    "generations": "default",
    "population": "default",
    "trials": "command line",
    "heads_min": "default",
    "heads_max": "default",
    "chunks_min": "default",
    "chunks_max": "default",
    "workers_min": "default",
    "workers_max": "default",
    "budget": "command line",
    "effort": "command line",
    "require_identical": "default",
    "placebo": "default",
    "seed": "command line",
    "shell": "default",
    "output_hash": "default",
    "expect": "default",
    "lease": "default",
    "new": "command line",
    "repeats": "command line",
    "chunk_size": "profile golden_ray",
    "heads_per_band": "profile golden_ray",
    "device": "default",
    "log_dir": "command line",
    "tag": "default",
    "best": "command line",
    "best_dir": "default"
  },
  "effective_args": {
    "model_path": "../model",
    "prompt": "ab ab",
    "backend": "ray",
    "target": "engine",
    "mode": "random",
    "tune": [
      "chunk_size=16:64:16"
    ],
    "objective": [
      "request_s"
    ],
    "generations": 5,
    "population": 10,
    "trials": 2,
    "heads_min": 2,
    "heads_max": 8,
    "chunks_min": 16,
    "chunks_max": 64,
    "workers_min": 4,
    "workers_max": 8,
    "budget": 4.0,
    "effort": "quick",
    "require_identical": false,
    "placebo": false,
    "seed": 1,
    "shell": false,
    "output_hash": "stdout",
    "expect": [
      0
    ],
    "lease": 30.0,
    "new": 2,
    "repeats": 1,
    "chunk_size": 64,
    "heads_per_band": 4,
    "device": "cpu",
    "log_dir": "runs",
    "tag": "",
    "best": false,
    "best_dir": "best"
  },
  "machine": {
    "cpu": "AMD EPYC",
    "cores": 2,
    "caches": {
      "L1d": "32K",
      "L1i": "32K",
      "L2": "512K",
      "L3": "32768K"
    },
    "memory_mb": 24105,
    "os": "Debian GNU/Linux 12 (bookworm)",
    "logical_cpus": 2,
    "kernel": "6.18.44-fc-v782",
    "arch": "x86_64",
    "system": "Linux",
    "host": "vm",
    "fingerprint": "0a7329572ef7c91c542599e438435877"
  },
  "device": "cpu",
  "checkpoint": "7a73c2de7a1c0805dda184962b2a12a7612dc3032a0190618cca0fee99c68f89",
  "kernels": "avx2",
  "version": "0.1.0",
  "target": "engine",
  "prompt_tokens": 5,
  "prompt_hash": "84ca9a9bed4a6c23cb5055f2eaaa2088",
  "settings": {
    "backend": "ray",
    "workers": 2,
    "heads_per_band": 2,
    "chunk_size": 64,
    "scheduler": "ray",
    "segment": 512,
    "decode_workers": 2,
    "pinning": "none",
    "weights": "stored",
    "huge_pages": "off",
    "compute": "auto",
    "head_weights": "same",
    "state": "f32"
  },
  "space": {
    "chunk_size": [
      16
    ]
  },
  "points": 1,
  "strategy": "random",
  "first_points": [],
  "study": "study.sqlite",
  "uid": "91c247754f85dff3ac50079dc4cf0c51"
}','{"chunk_size":[16]}','{"settings":{"backend":"ray","workers":2,"heads_per_band":2,"chunk_size":64,"scheduler":"ray","segment":512,"decode_workers":2,"pinning":"none","weights":"stored","huge_pages":"off","compute":"auto","head_weights":"same","state":"f32"},"metrics":{"prefill_tok_s":23483.48362991208,"decode_tok_s":11923.043884151626,"prefill_s":0.00021291559969540685,"decode_s":8.3871200149587819e-5,"request_s":0.00029678679984499465,"ttft_ms":0.21291559969540685,"peak_mb":13.1796875,"energy_j":null},"samples":1}','{
  "params": {
    "chunk_size": 64
  },
  "metrics": {
    "prefill_tok_s": 23483.48362991208,
    "decode_tok_s": 11923.043884151626,
    "prefill_s": 0.00021291559969540685,
    "decode_s": 8.3871200149587819e-5,
    "request_s": 0.00029678679984499465,
    "ttft_ms": 0.21291559969540685,
    "peak_mb": 13.1796875,
    "energy_j": null
  },
  "baseline": {
    "params": {
      "chunk_size": 64
    },
    "metrics": {
      "prefill_tok_s": 23483.48362991208,
      "decode_tok_s": 11923.043884151626,
      "prefill_s": 0.00021291559969540685,
      "decode_s": 8.3871200149587819e-5,
      "request_s": 0.00029678679984499465,
      "ttft_ms": 0.21291559969540685,
      "peak_mb": 13.1796875,
      "energy_j": null
    },
    "search_metrics": {
      "prefill_tok_s": 23483.48362991208,
      "decode_tok_s": 11923.043884151626,
      "prefill_s": 0.00021291559969540685,
      "decode_s": 8.3871200149587819e-5,
      "request_s": 0.00029678679984499465,
      "ttft_ms": 0.21291559969540685,
      "peak_mb": 13.1796875,
      "energy_j": null
    }
  },
  "verdict": "nothing faster found",
  "verdict_text": "nothing to compare: all settings of the space are equal in effect to the baseline''s, which stays",
  "is_baseline": true,
  "settings": {
    "backend": "ray",
    "workers": 2,
    "heads_per_band": 2,
    "chunk_size": 64,
    "scheduler": "ray",
    "segment": 512,
    "decode_workers": 2,
    "pinning": "none",
    "weights": "stored",
    "huge_pages": "off",
    "compute": "auto",
    "head_weights": "same",
    "state": "f32"
  },
  "objective": "request_s",
  "final": true
}','{"parts":4,"objective":4,"seconds":4,"apart":[2,3],"metrics":[{"name":"prefill_tok_s","unit":"tok/s","larger_is_better":true,"of_point":false,"part":-1,"least":0.0,"least_share":0.0,"affected":1},{"name":"decode_tok_s","unit":"tok/s","larger_is_better":true,"of_point":false,"part":-1,"least":0.0,"least_share":0.0,"affected":2},{"name":"prefill_s","unit":"s","larger_is_better":false,"of_point":false,"part":0,"least":0.0,"least_share":0.0,"affected":1},{"name":"decode_s","unit":"s","larger_is_better":false,"of_point":false,"part":1,"least":0.0,"least_share":0.0,"affected":2},{"name":"request_s","unit":"s","larger_is_better":false,"of_point":false,"part":-1,"least":0.0,"least_share":0.0,"affected":3},{"name":"ttft_ms","unit":"ms","larger_is_better":false,"of_point":false,"part":-1,"least":0.0,"least_share":0.0,"affected":1},{"name":"peak_mb","unit":"MiB","larger_is_better":false,"of_point":false,"part":3,"least":0.5,"least_share":0.01,"affected":4},{"name":"kl","unit":"nats","larger_is_better":false,"of_point":true,"part":-1,"least":0.0,"least_share":0.02,"affected":8},{"name":"energy_j","unit":"J","larger_is_better":false,"of_point":false,"part":2,"least":0.0,"least_share":0.0,"affected":3},{"name":"ppl","unit":"","larger_is_better":false,"of_point":true,"part":-1,"least":0.0,"least_share":1.0000000000000001e-5,"affected":8}]}','engine','{"device":"cpu","checkpoint":"7a73c2de7a1c0805dda184962b2a12a7612dc3032a0190618cca0fee99c68f89"}','{"prompt_tokens":5,"new":2,"prompt_hash":"84ca9a9bed4a6c23cb5055f2eaaa2088"}','{"kernels":"avx2"}',NULL,NULL);
CREATE TABLE "sample" (id INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE, trial INTEGER NOT NULL, stage TEXT NOT NULL, block INTEGER NOT NULL, process INTEGER NOT NULL, seq INTEGER NOT NULL, at REAL NOT NULL, parts TEXT NOT NULL, value REAL, used INTEGER NOT NULL, why TEXT, causes INTEGER NOT NULL);
INSERT INTO "sample" VALUES(1,1,-1,'search',0,0,0,1.79593700305518269534e+09,'[0.00018080900008499157,6.3499000134470407e-5,null,13.1796875]',0.000244308000219462,0,'warm-up',1);
INSERT INTO "sample" VALUES(2,1,-1,'search',0,0,1,1.79593700305602645877e+09,'[0.001601568400110409,8.7768800040066711e-5,null,13.1796875]',1.68933720015047579392e-03,0,'warm-up',1);
INSERT INTO "sample" VALUES(3,1,-1,'search',0,0,2,1.79593700306477069856e+09,'[0.00022372179992089514,8.6660399938409688e-5,null,13.1796875]',3.10382199859304830098e-04,0,'warm-up',1);
INSERT INTO "sample" VALUES(4,1,-1,'search',0,0,3,1.79593700307769250871e+09,'[0.0002238336001028074,8.9395599934505293e-5,null,13.1796875]',3.13229200037312715577e-04,0,'warm-up',1);
INSERT INTO "sample" VALUES(5,1,0,'search',0,0,4,1.79593700307951474192e+09,'[0.00021291559969540685,8.3871200149587819e-5,null,13.1796875]',2.96786799844994653684e-04,1,NULL,0);
CREATE TABLE task (run BIGINT NOT NULL REFERENCES run(id) ON DELETE CASCADE, work TEXT NOT NULL, number BIGINT NOT NULL, what TEXT NOT NULL, wanted TEXT, state TEXT NOT NULL, node TEXT, lease DOUBLE PRECISION, turn BIGINT NOT NULL, result TEXT, PRIMARY KEY (run, work, number));
CREATE TABLE "trial" (run INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE, number INTEGER NOT NULL, params TEXT NOT NULL, key TEXT NOT NULL, status TEXT NOT NULL, reason TEXT, duplicate_of INTEGER, metrics TEXT NOT NULL, value REAL, spread REAL, told TEXT, ratios TEXT, samples INTEGER NOT NULL, token_hash TEXT, in_force TEXT, started REAL NOT NULL, seconds REAL NOT NULL, PRIMARY KEY (run, number)) WITHOUT ROWID;
INSERT INTO "trial" VALUES(1,0,'{"chunk_size":16}','chunk_size=16','ok','the baseline''s own settings',NULL,'{"prefill_tok_s":23483.48362991208,"decode_tok_s":11923.043884151626,"prefill_s":0.00021291559969540685,"decode_s":8.3871200149587819e-5,"request_s":0.00029678679984499465,"ttft_ms":0.21291559969540685,"peak_mb":13.1796875,"kl":null,"energy_j":null,"ppl":null}',1.0,NULL,'[1.0,1.0,1.0]',NULL,1,'1c9e5175e0659ae0c15ffd18be0e17b0','{"scheduler":"ray","chunk_size":5,"heads_per_band":2,"bands":1,"threads":2,"segment":5,"decode_threads":2,"compute":"f32","chunks":2,"max_in_flight":1}',1.79593700305500221254e+09,3.83846940003422787413e-02);
INSERT INTO "trial" VALUES(1,1,'{"chunk_size":16}','chunk_size=16','duplicate','as trial 0',0,'{"prefill_tok_s":23483.48362991208,"decode_tok_s":11923.043884151626,"prefill_s":0.00021291559969540685,"decode_s":8.3871200149587819e-5,"request_s":0.00029678679984499465,"ttft_ms":0.21291559969540685,"peak_mb":13.1796875,"kl":null,"energy_j":null,"ppl":null}',1.0,NULL,'[1.0,1.0,1.0]',NULL,0,'1c9e5175e0659ae0c15ffd18be0e17b0',NULL,1.79593700309416627884e+09,0.0);
CREATE INDEX sample_run ON sample(run, trial);
CREATE INDEX run_identity ON run(target, identity);
CREATE INDEX run_fleet ON run(fleet, kind);
CREATE INDEX node_fleet ON node(fleet, kind);
CREATE INDEX task_state ON task(run, state, work, number);
COMMIT;
PRAGMA user_version = 6;
PRAGMA application_id = 2020373621;
