BEGIN TRANSACTION;
CREATE TABLE event (id INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE, at REAL NOT NULL, kind TEXT NOT NULL, text TEXT NOT NULL);
INSERT INTO "event" VALUES(1,1,1.79593704237598776815e+09,'start','started');
INSERT INTO "event" VALUES(2,1,1.79593704275364613527e+09,'comparison','{"winner":0,"trials":2,"result":{"blocks":3,"disturbed":3,"kept":1,"log_ratio":[-0.025951195991953391,0.024728342291681749,-0.11453216236809727],"baseline_cost":0.0023417241665508,"winner_cost":0.0024382288330950055,"baseline_parts":[0.0013957231664486851,0.00094600100010211463,null,3.7421875],"winner_parts":[0.0014674978330428228,0.00097073100005218294,null,3.7421875],"baseline_hash":"2062175246100044512","winner_hash":"2062175246100044512","seconds":0.28193216499948903}}');
INSERT INTO "event" VALUES(3,1,1.79593704326693034177e+09,'comparison','{"winner":0,"trials":2,"result":{"blocks":3,"disturbed":1,"kept":3,"log_ratio":[0.43215512341070905,0.048459561452935063,-1.361866496674101],"baseline_cost":0.012270607666778233,"winner_cost":0.014998219166803512,"baseline_parts":[0.006694447500043073,0.0055761601667351588,null,3.875],"winner_parts":[0.0090265321665962493,0.0059716870002072637,null,3.875],"baseline_hash":"2062175246100044512","winner_hash":"2062175246100044512","seconds":0.49613907699949777}}');
CREATE TABLE machine (id INTEGER PRIMARY KEY, fingerprint TEXT NOT NULL UNIQUE, info TEXT NOT NULL);
INSERT INTO "machine" VALUES(1,'0a7329572ef7c91c542599e438435877','{"cpu":"AMD EPYC","cores":2,"caches":{"L1d":"32K","L1i":"32K","L2":"512K","L3":"32768K"},"memory_mb":24105,"os":"Debian GNU/Linux 12 (bookworm)","logical_cpus":2,"kernel":"6.18.44-fc-v782","arch":"x86_64","system":"Linux","host":"vm"}');
CREATE TABLE run (id INTEGER PRIMARY KEY, uid TEXT NOT NULL UNIQUE, folder TEXT NOT NULL, backend TEXT NOT NULL, state TEXT NOT NULL, mode TEXT NOT NULL, objective TEXT NOT NULL, seed INTEGER NOT NULL, machine INTEGER NOT NULL REFERENCES machine(id), device TEXT NOT NULL, checkpoint TEXT NOT NULL, kernels TEXT NOT NULL, version TEXT NOT NULL, prompt_tokens INTEGER NOT NULL, new_tokens INTEGER NOT NULL, prompt_hash TEXT, created REAL NOT NULL, finished REAL, meta TEXT NOT NULL, space TEXT NOT NULL, baseline TEXT, result TEXT);
INSERT INTO "run" VALUES(1,'74540fd0b5e061e9ecf5d8e0fe36c147','/runs/ray_20261129_072402','ray','finished','random','request_s',1,1,'cpu','7a73c2de7a1c0805dda184962b2a12a7612dc3032a0190618cca0fee99c68f89','avx2','0.1.0',5,2,'84ca9a9bed4a6c23cb5055f2eaaa2088',1.79593704233871984477e+09,1.79593704329604244226e+09,'{
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
    "placebo": "default",
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
    "placebo": false,
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
  "points": 1,
  "strategy": "random",
  "first_points": [],
  "study": "study.sqlite",
  "uid": "74540fd0b5e061e9ecf5d8e0fe36c147"
}','{"chunk_size":[16,32,48,64]}','{"settings":{"backend":"ray","workers":2,"heads_per_band":2,"chunk_size":64,"scheduler":"ray","segment":512,"decode_workers":2,"pinning":"none","weights":"stored","huge_pages":"off"},"metrics":{"prefill_tok_s":4320.9964554016751,"decode_tok_s":1193.5146802118184,"prefill_s":0.0011571405002541724,"decode_s":0.00083786149980369373,"request_s":0.0019950020000578661,"ttft_ms":1.1571405002541724,"peak_mb":5.44921875,"energy_j":null},"samples":2}','{
  "params": {
    "chunk_size": 64
  },
  "metrics": {
    "prefill_tok_s": 1236.0678670746047,
    "decode_tok_s": 306.64682286130017,
    "prefill_s": 0.0040450853332458792,
    "decode_s": 0.0032610805834186367,
    "request_s": 0.0073061659166645159,
    "ttft_ms": 4.0450853332458792,
    "peak_mb": 3.80859375,
    "energy_j": null
  },
  "baseline": {
    "params": {
      "chunk_size": 64
    },
    "metrics": {
      "prefill_tok_s": 1236.0678670746047,
      "decode_tok_s": 306.64682286130017,
      "prefill_s": 0.0040450853332458792,
      "decode_s": 0.0032610805834186367,
      "request_s": 0.0073061659166645159,
      "ttft_ms": 4.0450853332458792,
      "peak_mb": 3.80859375,
      "energy_j": null
    },
    "search_metrics": {
      "prefill_tok_s": 4320.9964554016751,
      "decode_tok_s": 1193.5146802118184,
      "prefill_s": 0.0011571405002541724,
      "decode_s": 0.00083786149980369373,
      "request_s": 0.0019950020000578661,
      "ttft_ms": 1.1571405002541724,
      "peak_mb": 5.44921875,
      "energy_j": null
    }
  },
  "speedup": {
    "value": -0.153095892179407,
    "low": -0.83258189509890768,
    "high": 3.2841637006172721,
    "level": 0.94999999999999996,
    "processes": 2,
    "blocks": 6,
    "discarded_blocks": 4,
    "kept_disturbed_blocks": 4,
    "lost_processes": 0,
    "stopped_by": "budget",
    "log_ratios": [
      -0.03858500535612297,
      -0.29375060393681895
    ]
  },
  "verdict": "no significant difference",
  "verdict_text": "no significant difference: -15.3 % [-83.3, +328.4] (95 % interval over 2 fresh processes, 6 blocks; there was time for no more, 8 processes and 20 blocks are usual; 4 of the blocks were disturbed by other work on the machine); the baseline stays",
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
  "final": true,
  "challenger": {
    "chunk_size": 16
  }
}');
CREATE TABLE sample (id INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE, trial INTEGER NOT NULL, stage TEXT NOT NULL, block INTEGER NOT NULL, process INTEGER NOT NULL, seq INTEGER NOT NULL, at REAL NOT NULL, prefill_s REAL, decode_s REAL, energy_j REAL, peak_mb REAL, value REAL, used INTEGER NOT NULL, why TEXT);
INSERT INTO "sample" VALUES(1,1,-1,'search',0,0,0,1.79593704239215207099e+09,1.15468599960877327248e-03,7.99028000074031297117e-04,NULL,5.44140625,1.9537139996828045696e-03,0,'warm-up');
INSERT INTO "sample" VALUES(2,1,-1,'search',0,0,1,1.79593704240532851213e+09,5.47177399948850506916e-03,3.33690000024944311007e-03,NULL,5.4453125,8.80867399973794817924e-03,0,'warm-up');
INSERT INTO "sample" VALUES(3,1,-1,'search',0,0,2,1.79593704241439080238e+09,1.2177239996162825264e-03,7.81015000029583461582e-04,NULL,5.4453125,1.99873899964586598798e-03,0,'warm-up');
INSERT INTO "sample" VALUES(4,1,-1,'search',0,0,3,1.7959370424165551662e+09,1.15927400020154891535e-03,8.01283000328112393617e-04,NULL,5.44921875,1.96055700052966130897e-03,0,'warm-up');
INSERT INTO "sample" VALUES(5,1,-1,'search',0,0,4,1.79593704241874599454e+09,1.15738099975715158507e-03,8.42851000015798490494e-04,NULL,5.44921875,0.00200023199977295,1,NULL);
INSERT INTO "sample" VALUES(6,1,0,'search',0,0,5,1.79593704242091774941e+09,1.13918700026260921731e-03,0.000864261000060651,NULL,5.44921875,0.00200344800032326,0,'frequency at 1925 MHz');
INSERT INTO "sample" VALUES(7,1,0,'search',0,0,6,1.79593704242314267157e+09,1.14023900005122413858e-03,8.49754000228131189942e-04,NULL,5.44921875,1.98999300027935532853e-03,1,NULL);
INSERT INTO "sample" VALUES(8,1,-1,'search',0,0,7,1.79593704242530727384e+09,1.15690000075119314715e-03,0.000832871999591589,NULL,5.44921875,1.98977200034278212115e-03,1,NULL);
INSERT INTO "sample" VALUES(9,1,0,'final',0,1,8,1.79593704243904471397e+09,1.27438649997202446684e-02,3.00695100031589390709e-03,NULL,3.73828125,1.57508160000361385755e-02,0,'warm-up');
INSERT INTO "sample" VALUES(10,1,0,'final',0,1,9,1.79593704246914482114e+09,8.31398599984822794795e-03,2.01744400055758887901e-03,NULL,3.7421875,1.03314300004058168269e-02,0,'warm-up');
INSERT INTO "sample" VALUES(11,1,0,'final',0,1,10,1.79593704248213768001e+09,6.61425699945539236068e-03,4.50987000021996209397e-03,NULL,3.7421875,1.11241269996753544546e-02,0,'warm-up');
INSERT INTO "sample" VALUES(12,1,0,'final',0,1,11,1.79593704250858879085e+09,3.78185499994287965819e-03,9.74296999629586935043e-04,NULL,3.7421875,4.75615199957246659323e-03,0,'warm-up');
CREATE TABLE trial (run INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE, number INTEGER NOT NULL, params TEXT NOT NULL, key TEXT NOT NULL, status TEXT NOT NULL, reason TEXT, duplicate_of INTEGER, prefill_s REAL, decode_s REAL, prefill_tok_s REAL, decode_tok_s REAL, request_s REAL, ttft_ms REAL, peak_mb REAL, kl REAL, energy_j REAL, value REAL, spread REAL, told TEXT, ratios TEXT, samples INTEGER NOT NULL, token_hash TEXT, in_force TEXT, started REAL NOT NULL, seconds REAL NOT NULL, ppl REAL, PRIMARY KEY (run, number)) WITHOUT ROWID;
INSERT INTO "trial" VALUES(1,0,'{"chunk_size":16}','chunk_size=16','ok',NULL,NULL,1.14023900005122413858e-03,8.49754000228131189942e-04,4.38504559112201877744e+03,1.17681117091715100285e+03,1.98999300027935532853e-03,1.14023900005122413858e+00,5.44921875,NULL,NULL,9.98382463256191399203e-01,4.54067012554918488648e-03,'[0.9983824632561914,0.98546200815009233,1.0162110669511828]','[-0.0016188463688022736]',1,'1c9e5175e0659ae0c15ffd18be0e17b0','{"scheduler":"ray","chunk_size":5,"heads_per_band":2,"bands":1,"threads":2,"segment":5,"decode_threads":2,"chunks":2,"max_in_flight":1}',1.79593704239213538165e+09,3.53722739992008428089e-02,NULL);
INSERT INTO "trial" VALUES(1,1,'{"chunk_size":16}','chunk_size=16','duplicate','as trial 0',0,1.14023900005122413858e-03,8.49754000228131189942e-04,4.38504559112201877744e+03,1.17681117091715100285e+03,1.98999300027935532853e-03,1.14023900005122413858e+00,5.44921875,NULL,NULL,9.98382463256191399203e-01,NULL,'[0.9983824632561914,0.98546200815009233,1.0162110669511828]',NULL,0,'1c9e5175e0659ae0c15ffd18be0e17b0',NULL,1.79593704242969274525e+09,0.0,NULL);
CREATE INDEX run_checkpoint ON run(checkpoint, device);
CREATE INDEX sample_run ON sample(run, trial);
COMMIT;
PRAGMA user_version = 2;
PRAGMA application_id = 2020373621;
