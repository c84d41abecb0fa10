BEGIN TRANSACTION;
CREATE TABLE event (id INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE, at REAL NOT NULL, kind TEXT NOT NULL, text TEXT NOT NULL);
INSERT INTO "event" VALUES(1,1,1.79593700222154307368e+09,'start','started');
CREATE TABLE machine (id INTEGER PRIMARY KEY, fingerprint TEXT NOT NULL UNIQUE, info TEXT NOT NULL);
INSERT INTO "machine" VALUES(1,'0a7329572ef7c91c542599e438435877','{"cpu":"AMD EPYC","cores":2,"caches":{"L1d":"32K","L1i":"32K","L2":"512K","L3":"32768K"},"memory_mb":24105,"os":"Debian GNU/Linux 12 (bookworm)","logical_cpus":2,"kernel":"6.18.44-fc-v782","arch":"x86_64","system":"Linux","host":"vm"}');
CREATE TABLE run (id INTEGER PRIMARY KEY, uid TEXT NOT NULL UNIQUE, folder TEXT NOT NULL, backend TEXT NOT NULL, state TEXT NOT NULL, mode TEXT NOT NULL, objective TEXT NOT NULL, seed INTEGER NOT NULL, machine INTEGER NOT NULL REFERENCES machine(id), device TEXT NOT NULL, checkpoint TEXT NOT NULL, kernels TEXT NOT NULL, version TEXT NOT NULL, prompt_tokens INTEGER NOT NULL, new_tokens INTEGER NOT NULL, prompt_hash TEXT, created REAL NOT NULL, finished REAL, meta TEXT NOT NULL, space TEXT NOT NULL, baseline TEXT, result TEXT);
INSERT INTO "run" VALUES(1,'70a500e20b2f887573332e0f8b989bfb','/runs/ray_20261129_072322','ray','finished','random','request_s',1,1,'cpu','7a73c2de7a1c0805dda184962b2a12a7612dc3032a0190618cca0fee99c68f89','avx2','0.1.0',5,2,'84ca9a9bed4a6c23cb5055f2eaaa2088',1.79593700212068963046e+09,1.79593700242822217937e+09,'{
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
    "budget": 4.0,
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
      16
    ]
  },
  "points": 1,
  "strategy": "random",
  "first_points": [],
  "study": "study.sqlite",
  "uid": "70a500e20b2f887573332e0f8b989bfb"
}','{"chunk_size":[16]}','{"settings":{"backend":"ray","workers":2,"heads_per_band":2,"chunk_size":64,"scheduler":"ray","segment":512,"decode_workers":2,"pinning":"none","weights":"stored","huge_pages":"off"},"metrics":{"prefill_tok_s":317.04296813690354,"decode_tok_s":1312.8545533553834,"prefill_s":0.015770732999953907,"decode_s":0.00076169899966771482,"request_s":0.016532431999621622,"ttft_ms":15.770732999953907,"peak_mb":5.46484375,"energy_j":null},"samples":1}','{
  "params": {
    "chunk_size": 64
  },
  "metrics": {
    "prefill_tok_s": 317.04296813690354,
    "decode_tok_s": 1312.8545533553834,
    "prefill_s": 0.015770732999953907,
    "decode_s": 0.00076169899966771482,
    "request_s": 0.016532431999621622,
    "ttft_ms": 15.770732999953907,
    "peak_mb": 5.46484375,
    "energy_j": null
  },
  "baseline": {
    "params": {
      "chunk_size": 64
    },
    "metrics": {
      "prefill_tok_s": 317.04296813690354,
      "decode_tok_s": 1312.8545533553834,
      "prefill_s": 0.015770732999953907,
      "decode_s": 0.00076169899966771482,
      "request_s": 0.016532431999621622,
      "ttft_ms": 15.770732999953907,
      "peak_mb": 5.46484375,
      "energy_j": null
    },
    "search_metrics": {
      "prefill_tok_s": 317.04296813690354,
      "decode_tok_s": 1312.8545533553834,
      "prefill_s": 0.015770732999953907,
      "decode_s": 0.00076169899966771482,
      "request_s": 0.016532431999621622,
      "ttft_ms": 15.770732999953907,
      "peak_mb": 5.46484375,
      "energy_j": null
    }
  },
  "verdict": "nothing faster found",
  "verdict_text": "nothing to compare: all settings of the space come to the baseline''s, which stays",
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
CREATE TABLE sample (id INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE, trial INTEGER NOT NULL, stage TEXT NOT NULL, block INTEGER NOT NULL, process INTEGER NOT NULL, seq INTEGER NOT NULL, at REAL NOT NULL, prefill_s REAL, decode_s REAL, energy_j REAL, peak_mb REAL, value REAL, used INTEGER NOT NULL, why TEXT, causes INTEGER NOT NULL DEFAULT 0);
INSERT INTO "sample" VALUES(1,1,-1,'search',0,0,0,1.79593700225103664394e+09,1.16950400024506961926e-03,7.50567999602935742586e-04,NULL,5.45703125,1.92007199984800536185e-03,0,'warm-up',1);
INSERT INTO "sample" VALUES(2,1,-1,'search',0,0,1,1.79593700225675725933e+09,1.11606299924460472539e-03,7.79352000790822785347e-04,NULL,5.4609375,1.89541500003542751073e-03,0,'warm-up',1);
INSERT INTO "sample" VALUES(3,1,-1,'search',0,0,2,1.79593700225880980496e+09,1.02175769998211762867e-02,1.68751249993874807842e-02,NULL,5.4609375,2.70927019992086570709e-02,0,'warm-up',1);
INSERT INTO "sample" VALUES(4,1,-1,'search',0,0,3,1.79593700228610944746e+09,2.11348500033636810258e-03,5.48970799991366220638e-03,NULL,5.4609375,0.00760319300025003,0,'warm-up',1);
INSERT INTO "sample" VALUES(5,1,-1,'search',0,0,4,1.79593700229393243785e+09,1.17095149998931447044e-02,1.52952819998972699977e-02,NULL,5.4609375,2.70047969997904147021e-02,0,'warm-up',1);
INSERT INTO "sample" VALUES(6,1,-1,'search',0,0,5,1.79593700232115578655e+09,1.68433959997855708934e-02,7.98428000052808783948e-04,NULL,5.4609375,1.76418239998383796773e-02,0,'warm-up',1);
INSERT INTO "sample" VALUES(7,1,-1,'search',0,0,6,1.79593700233904433253e+09,1.38996539999425294809e-02,8.09668999863788485527e-04,NULL,5.4609375,1.47093229998063179664e-02,0,'warm-up',1);
INSERT INTO "sample" VALUES(8,1,-1,'search',0,0,7,1.79593700235400128371e+09,0.00114933600070799,7.9849799931253073737e-04,NULL,5.4609375,1.9478340000205207616e-03,0,'warm-up',1);
INSERT INTO "sample" VALUES(9,1,-1,'search',0,0,8,1.79593700235610413554e+09,6.08123700021678814664e-03,8.03105999693798366934e-04,NULL,5.4609375,6.88434299991058651357e-03,0,'frequency at 2790 MHz',32);
INSERT INTO "sample" VALUES(10,1,-1,'search',0,0,9,1.79593700236321163177e+09,0.00110938099987834,7.83649999902991112321e-04,NULL,5.4609375,1.89303099978133104741e-03,0,'frequency at 2788 MHz',32);
INSERT INTO "sample" VALUES(11,1,-1,'search',0,0,10,1.79593700236525869373e+09,1.07020700033899629488e-03,3.53729600010410649701e-03,NULL,5.4609375,4.6075030004431027919e-03,0,'frequency at 2790 MHz',32);
INSERT INTO "sample" VALUES(12,1,0,'search',0,0,11,1.79593700237007641799e+09,1.57707329999539069831e-02,7.61698999667714815586e-04,NULL,5.46484375,1.65324319996216217987e-02,1,NULL,0);
CREATE TABLE trial (run INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE, number INTEGER NOT NULL, params TEXT NOT NULL, key TEXT NOT NULL, status TEXT NOT NULL, reason TEXT, duplicate_of INTEGER, prefill_s REAL, decode_s REAL, prefill_tok_s REAL, decode_tok_s REAL, request_s REAL, ttft_ms REAL, peak_mb REAL, kl REAL, energy_j REAL, value REAL, spread REAL, told TEXT, ratios TEXT, samples INTEGER NOT NULL, token_hash TEXT, in_force TEXT, started REAL NOT NULL, seconds REAL NOT NULL, ppl REAL, PRIMARY KEY (run, number)) WITHOUT ROWID;
INSERT INTO "trial" VALUES(1,0,'{"chunk_size":16}','chunk_size=16','ok','the baseline''s own settings',NULL,1.57707329999539069831e-02,7.61698999667714815586e-04,3.17042968136903539292e+02,1.31285455335538335931e+03,1.65324319996216217987e-02,1.57707329999539069831e+01,5.46484375,NULL,NULL,1.0,NULL,'[1.0,1.0,1.0]',NULL,1,'1c9e5175e0659ae0c15ffd18be0e17b0','{"scheduler":"ray","chunk_size":5,"heads_per_band":2,"bands":1,"threads":2,"segment":5,"decode_threads":2,"chunks":2,"max_in_flight":1}',1.79593700225102353095e+09,1.35847761000150057952e-01,NULL);
INSERT INTO "trial" VALUES(1,1,'{"chunk_size":16}','chunk_size=16','duplicate','as trial 0',0,1.57707329999539069831e-02,7.61698999667714815586e-04,3.17042968136903539292e+02,1.31285455335538335931e+03,1.65324319996216217987e-02,1.57707329999539069831e+01,5.46484375,NULL,NULL,1.0,NULL,'[1.0,1.0,1.0]',NULL,0,'1c9e5175e0659ae0c15ffd18be0e17b0',NULL,1.79593700238749837874e+09,0.0,NULL);
CREATE INDEX run_checkpoint ON run(checkpoint, device);
CREATE INDEX sample_run ON sample(run, trial);
COMMIT;
PRAGMA user_version = 3;
PRAGMA application_id = 2020373621;
