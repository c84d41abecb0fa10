BEGIN TRANSACTION;
CREATE TABLE event (id INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE, at REAL NOT NULL, kind TEXT NOT NULL, text TEXT NOT NULL);
INSERT INTO "event" VALUES(1,1,1.79593702858616209028e+09,'start','started');
INSERT INTO "event" VALUES(2,1,1.79593702924266147608e+09,'comparison','{"winner":0,"trials":2,"result":{"blocks":3,"disturbed":3,"kept":3,"log_ratio":[0.46227458228215745,-0.2896684230028681,-0.60500165970818287],"baseline_cost":0.010387261833178249,"winner_cost":0.012646043833531923,"baseline_parts":[0.0078047439998651189,0.0025825178333131285,null,3.6484375],"winner_parts":[0.0052480763335249021,0.0073979675000070228,null,3.6484375],"baseline_hash":"2062175246100044512","winner_hash":"2062175246100044512","seconds":0.59257951600011438}}');
INSERT INTO "event" VALUES(3,1,1.79593702960602903369e+09,'comparison','{"winner":0,"trials":2,"result":{"blocks":3,"disturbed":0,"kept":3,"log_ratio":[-0.95355570702784398,-0.78341368464902317,0.21906219567587293],"baseline_cost":0.0082845855002536446,"winner_cost":0.01169993266663975,"baseline_parts":[0.0046471121668218984,0.0036374733334317475,null,3.68359375],"winner_parts":[0.0067012375002377667,0.0049986951664019825,null,3.68359375],"baseline_hash":"2062175246100044512","winner_hash":"2062175246100044512","seconds":0.3436922790006065}}');
CREATE TABLE machine (id INTEGER PRIMARY KEY, fingerprint TEXT NOT NULL UNIQUE, info TEXT NOT NULL);
INSERT INTO "machine" VALUES(1,'0a7329572ef7c91c542599e438435877','{"cpu":"AMD EPYC","cores":2,"caches":{"L1d":"32K","L1i":"32K","L2":"512K","L3":"32768K"},"memory_mb":24105,"os":"Debian GNU/Linux 12 (bookworm)","logical_cpus":2,"kernel":"6.18.44-fc-v782","arch":"x86_64","system":"Linux","host":"vm"}');
CREATE TABLE run (id INTEGER PRIMARY KEY, uid TEXT NOT NULL UNIQUE, folder TEXT NOT NULL, backend TEXT NOT NULL, state TEXT NOT NULL, mode TEXT NOT NULL, objective TEXT NOT NULL, seed INTEGER NOT NULL, machine INTEGER NOT NULL REFERENCES machine(id), device TEXT NOT NULL, checkpoint TEXT NOT NULL, kernels TEXT NOT NULL, version TEXT NOT NULL, prompt_tokens INTEGER NOT NULL, new_tokens INTEGER NOT NULL, prompt_hash TEXT, created REAL NOT NULL, finished REAL, meta TEXT NOT NULL, space TEXT NOT NULL, baseline TEXT, result TEXT);
INSERT INTO "run" VALUES(1,'cbb5ee5ab0a5b80d95a660eb0a6f4804','/runs/ray_20261129_072348','ray','finished','random','request_s',1,1,'cpu','7a73c2de7a1c0805dda184962b2a12a7612dc3032a0190618cca0fee99c68f89','avx2','0.1.0',5,2,'84ca9a9bed4a6c23cb5055f2eaaa2088',1.79593702848224282269e+09,1.79593702963875436785e+09,'{
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
    "seed": "command line",
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
    "budget": 1.0,
    "effort": "quick",
    "require_identical": false,
    "seed": 1,
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
  "prompt_tokens": 5,
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
    "huge_pages": "off"
  },
  "space": {
    "chunk_size": [
      16,
      32,
      48,
      64
    ]
  },
  "first_points": [],
  "study": "study.sqlite",
  "uid": "cbb5ee5ab0a5b80d95a660eb0a6f4804"
}','{"chunk_size":[16,32,48,64]}','{"settings":{"backend":"ray","workers":2,"heads_per_band":2,"chunk_size":64,"scheduler":"ray","segment":512,"decode_workers":2,"pinning":"none","weights":"stored","huge_pages":"off"},"metrics":{"prefill_tok_s":4372.1580955838817,"decode_tok_s":1265.4103253881635,"prefill_s":0.0011436000004323432,"decode_s":0.00079025749982974958,"request_s":0.0019338575002620928,"ttft_ms":1.1436000004323432,"peak_mb":5.4765625,"energy_j":null},"samples":2}','{
  "params": {
    "chunk_size": 64
  },
  "metrics": {
    "prefill_tok_s": 803.09311849854373,
    "decode_tok_s": 321.54386499662269,
    "prefill_s": 0.0062259280833435087,
    "decode_s": 0.003109995583372438,
    "request_s": 0.0093359236667159458,
    "ttft_ms": 6.2259280833435087,
    "peak_mb": 3.666015625,
    "energy_j": null
  },
  "baseline": {
    "params": {
      "chunk_size": 64
    },
    "metrics": {
      "prefill_tok_s": 803.09311849854373,
      "decode_tok_s": 321.54386499662269,
      "prefill_s": 0.0062259280833435087,
      "decode_s": 0.003109995583372438,
      "request_s": 0.0093359236667159458,
      "ttft_ms": 6.2259280833435087,
      "peak_mb": 3.666015625,
      "energy_j": null
    }
  },
  "speedup": {
    "value": -0.27750909651354971,
    "low": -0.92747612231609133,
    "high": 6.1975344161235526,
    "level": 0.94999999999999996,
    "processes": 2,
    "blocks": 6,
    "discarded_blocks": 3,
    "log_ratios": [
      -0.14413183347629785,
      -0.5059690653336647
    ]
  },
  "verdict": "no significant difference",
  "verdict_text": "no significant difference: -27.8 % [-92.7, +619.8] (95 % interval over 2 fresh processes, 6 blocks; the budget allowed no more, 8 processes and 20 blocks are usual; 6 of the blocks were disturbed by other work on the machine); the baseline stays",
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
    "huge_pages": "off"
  },
  "objective": "request_s",
  "final": true
}');
CREATE TABLE sample (id INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE, trial INTEGER NOT NULL, stage TEXT NOT NULL, block INTEGER NOT NULL, process INTEGER NOT NULL, seq INTEGER NOT NULL, at REAL NOT NULL, prefill_s REAL, decode_s REAL, energy_j REAL, peak_mb REAL, value REAL, used INTEGER NOT NULL, why TEXT);
INSERT INTO "sample" VALUES(1,1,-1,'search',0,0,0,1.795937028606238842e+09,1.11434999962511938065e-03,8.58220000736764632165e-04,NULL,5.47265625,1.97257000036188401281e-03,0,'warm-up');
INSERT INTO "sample" VALUES(2,1,-1,'search',0,0,1,1.79593702860843110083e+09,1.05527899995649931952e-03,8.01664000391610898077e-04,NULL,5.4765625,1.8569430003481102176e-03,0,'warm-up');
INSERT INTO "sample" VALUES(3,1,-1,'search',0,0,2,1.79593702861045455927e+09,1.05377700037934118881e-03,0.000805710999884468,NULL,5.4765625,1.85948800026380922645e-03,0,'warm-up');
INSERT INTO "sample" VALUES(4,1,-1,'search',0,0,3,1.79593702861248612407e+09,1.16926300052000442519e-03,7.92977999481081496924e-04,NULL,5.4765625,1.96224100000108592212e-03,1,NULL);
INSERT INTO "sample" VALUES(5,1,0,'search',0,0,4,1.7959370286146223545e+09,1.07234099959896411746e-03,7.50909000089450273662e-04,NULL,5.4765625,1.82324999968841439113e-03,1,NULL);
INSERT INTO "sample" VALUES(6,1,-1,'search',0,0,5,1.79593702861661744119e+09,1.08317200010787928476e-03,7.54415000301378313452e-04,NULL,5.4765625,1.83758700040925759822e-03,0,'frequency at 1091 MHz');
INSERT INTO "sample" VALUES(7,1,-1,'search',0,0,6,1.79593702861865043641e+09,1.1179370003446820192e-03,7.8753700017841765657e-04,NULL,5.4765625,1.90547400052309967577e-03,1,NULL);
INSERT INTO "sample" VALUES(8,1,0,'final',0,1,7,1.79593702862770628926e+09,7.81228499999997438862e-03,1.06658080003398936241e-02,NULL,3.6484375,1.84780930003398680128e-02,0,'warm-up');
INSERT INTO "sample" VALUES(9,1,0,'final',0,1,8,1.79593702865090489384e+09,0.00344563399994513,7.37563000257068779319e-04,NULL,3.6484375,4.18319700020219897851e-03,0,'warm-up');
INSERT INTO "sample" VALUES(10,1,0,'final',0,1,9,1.79593702865556120867e+09,1.09390299985534511506e-03,3.59570500040717888623e-03,NULL,3.6484375,4.6896080002625240013e-03,0,'warm-up');
INSERT INTO "sample" VALUES(11,1,0,'final',0,1,10,1.79593702866071772573e+09,6.15631899927393533289e-03,4.9320210000587394461e-03,NULL,3.6484375,1.10883399993326747789e-02,0,'warm-up');
INSERT INTO "sample" VALUES(12,1,0,'final',0,1,11,1.79593702867225575451e+09,1.59145629995691706426e-02,7.73271000070963054895e-04,NULL,3.6484375,1.66878339996401336975e-02,0,'warm-up');
CREATE TABLE trial (run INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE, number INTEGER NOT NULL, params TEXT NOT NULL, key TEXT NOT NULL, status TEXT NOT NULL, reason TEXT, duplicate_of INTEGER, prefill_s REAL, decode_s REAL, prefill_tok_s REAL, decode_tok_s REAL, request_s REAL, ttft_ms REAL, peak_mb REAL, kl REAL, energy_j REAL, value REAL, spread REAL, told TEXT, ratios TEXT, samples INTEGER NOT NULL, token_hash TEXT, in_force TEXT, started REAL NOT NULL, seconds REAL NOT NULL, PRIMARY KEY (run, number)) WITHOUT ROWID;
INSERT INTO "trial" VALUES(1,0,'{"chunk_size":16}','chunk_size=16','ok',NULL,NULL,1.07234099959896411746e-03,7.50909000089450273662e-04,4.66269591656936427176e+03,1.33171928939575536789e+03,1.82324999968841439113e-03,1.07234099959896411746e+00,5.4765625,NULL,NULL,8.84606313256841692016e-01,2.54233800600365683619e-02,'[0.88460631325684169,0.94475581970838018,0.95129963380134408]','[-0.063576496629385915]',1,'1c9e5175e0659ae0c15ffd18be0e17b0','{"chunk_size":5,"heads_per_band":2,"bands":1,"threads":2,"segment":5,"decode_threads":2,"chunks":2,"max_in_flight":1}',1.7959370286062259674e+09,1.4551145000041287858e-02);
INSERT INTO "trial" VALUES(1,1,'{"chunk_size":16}','chunk_size=16','duplicate','as trial 0',0,1.07234099959896411746e-03,7.50909000089450273662e-04,4.66269591656936427176e+03,1.33171928939575536789e+03,1.82324999968841439113e-03,1.07234099959896411746e+00,5.4765625,NULL,NULL,8.84606313256841692016e-01,NULL,'[0.88460631325684169,0.94475581970838018,0.95129963380134408]',NULL,0,'1c9e5175e0659ae0c15ffd18be0e17b0',NULL,1.79593702862616610527e+09,0.0);
CREATE INDEX run_checkpoint ON run(checkpoint, device);
CREATE INDEX sample_run ON sample(run, trial);
COMMIT;
PRAGMA user_version = 1;
PRAGMA application_id = 2020373621;
