-- A study of schema version 4, as xltune wrote it: one run of the engine, with three trials and a few samples.
BEGIN TRANSACTION;
CREATE TABLE event (id INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE, at REAL NOT NULL, kind TEXT NOT NULL, text TEXT NOT NULL);
INSERT INTO "event" VALUES(1,1,1.7959017099256446362e+09,'start','started');
CREATE TABLE machine (id INTEGER PRIMARY KEY, fingerprint TEXT NOT NULL UNIQUE, info TEXT NOT NULL);
INSERT INTO "machine" VALUES(1,'6ca58932dd851d6ecfff9186032db3c3','{"cpu":"AMD EPYC","logical_cpus":2}');
CREATE TABLE run (id INTEGER PRIMARY KEY, uid TEXT NOT NULL UNIQUE, folder TEXT NOT NULL, backend TEXT NOT NULL, state TEXT NOT NULL, mode TEXT NOT NULL, objective TEXT NOT NULL, seed INTEGER NOT NULL, machine INTEGER NOT NULL REFERENCES machine(id), device TEXT NOT NULL, checkpoint TEXT NOT NULL, kernels TEXT NOT NULL, version TEXT NOT NULL, prompt_tokens INTEGER NOT NULL, new_tokens INTEGER NOT NULL, prompt_hash TEXT, created REAL NOT NULL, finished REAL, meta TEXT NOT NULL, space TEXT NOT NULL, baseline TEXT, result TEXT, metrics TEXT NOT NULL DEFAULT '{"parts":4,"objective":4,"seconds":4,"apart":[2,3],"metrics":[{"name":"prefill_tok_s","unit":"tok/s","larger_is_better":true,"of_point":false,"part":-1,"least":0,"least_share":0,"affected":1},{"name":"decode_tok_s","unit":"tok/s","larger_is_better":true,"of_point":false,"part":-1,"least":0,"least_share":0,"affected":2},{"name":"prefill_s","unit":"s","larger_is_better":false,"of_point":false,"part":0,"least":0,"least_share":0,"affected":1},{"name":"decode_s","unit":"s","larger_is_better":false,"of_point":false,"part":1,"least":0,"least_share":0,"affected":2},{"name":"request_s","unit":"s","larger_is_better":false,"of_point":false,"part":-1,"least":0,"least_share":0,"affected":3},{"name":"ttft_ms","unit":"ms","larger_is_better":false,"of_point":false,"part":-1,"least":0,"least_share":0,"affected":1},{"name":"peak_mb","unit":"MiB","larger_is_better":false,"of_point":false,"part":3,"least":0.5,"least_share":0.01,"affected":4},{"name":"kl","unit":"nats","larger_is_better":false,"of_point":true,"part":-1,"least":0,"least_share":0.02,"affected":8},{"name":"energy_j","unit":"J","larger_is_better":false,"of_point":false,"part":2,"least":0,"least_share":0,"affected":3},{"name":"ppl","unit":"","larger_is_better":false,"of_point":true,"part":-1,"least":0,"least_share":1e-05,"affected":8}]}');
INSERT INTO "run" VALUES(1,'08806e09a0738709209dd528e3779b3b','/runs/ray_20261128_213509','ray','finished','auto','request_s',1337,1,'cpu','a152fecc10116ac8c7ba671c210655c1b33b4b3561199265686c129b0b2f217b','avx512','0.1.0',3,4,'db8450c7166d314613d2e2ea1f9d6c4d',1.79590170992207169529e+09,1.79590170998070693011e+09,'{"backend":"ray","new":4,"prompt":"the sea","settings":{}}','{"heads_per_band":[2,3,4,5,6,7,8],"chunk_size":[16]}','{"settings":{"backend":"ray","workers":2,"heads_per_band":4,"chunk_size":64,"scheduler":"ray","segment":512,"decode_workers":2,"pinning":"none","weights":"stored","huge_pages":"off"},"metrics":{"prefill_tok_s":13189.985061733798,"decode_tok_s":9098.6544380891846,"prefill_s":0.00022744529170874253,"decode_s":0.00032971908323512861,"request_s":0.00055716437494387116,"ttft_ms":0.22744529170874253,"peak_mb":20.6328125,"energy_j":null},"samples":12}','{
  "params": {
    "heads_per_band": 4,
    "chunk_size": 64
  },
  "metrics": {
    "prefill_tok_s": 13189.985061733798,
    "decode_tok_s": 9098.6544380891846,
    "prefill_s": 0.00022744529170874253,
    "decode_s": 0.00032971908323512861,
    "request_s": 0.00055716437494387116,
    "ttft_ms": 0.22744529170874253,
    "peak_mb": 20.6328125,
    "energy_j": null
  },
  "baseline": {
    "params": {
      "heads_per_band": 4,
      "chunk_size": 64
    },
    "metrics": {
      "prefill_tok_s": 13189.985061733798,
      "decode_tok_s": 9098.6544380891846,
      "prefill_s": 0.00022744529170874253,
      "decode_s": 0.00032971908323512861,
      "request_s": 0.00055716437494387116,
      "ttft_ms": 0.22744529170874253,
      "peak_mb": 20.6328125,
      "energy_j": null
    },
    "search_metrics": {
      "prefill_tok_s": 13189.985061733798,
      "decode_tok_s": 9098.6544380891846,
      "prefill_s": 0.00022744529170874253,
      "decode_s": 0.00032971908323512861,
      "request_s": 0.00055716437494387116,
      "ttft_ms": 0.22744529170874253,
      "peak_mb": 20.6328125,
      "energy_j": null
    }
  },
  "verdict": "not enough was tried",
  "verdict_text": "not enough was tried: 3 of 7 points were measured, and nothing looked faster; the baseline stays",
  "is_baseline": true,
  "settings": {
    "backend": "ray",
    "workers": 2,
    "heads_per_band": 4,
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
}','{"parts":4,"objective":4,"seconds":4,"apart":[2,3],"metrics":[{"name":"prefill_tok_s","unit":"tok/s","larger_is_better":true,"of_point":false,"part":-1,"least":0.0,"least_share":0.0,"affected":1},{"name":"decode_tok_s","unit":"tok/s","larger_is_better":true,"of_point":false,"part":-1,"least":0.0,"least_share":0.0,"affected":2},{"name":"prefill_s","unit":"s","larger_is_better":false,"of_point":false,"part":0,"least":0.0,"least_share":0.0,"affected":1},{"name":"decode_s","unit":"s","larger_is_better":false,"of_point":false,"part":1,"least":0.0,"least_share":0.0,"affected":2},{"name":"request_s","unit":"s","larger_is_better":false,"of_point":false,"part":-1,"least":0.0,"least_share":0.0,"affected":3},{"name":"ttft_ms","unit":"ms","larger_is_better":false,"of_point":false,"part":-1,"least":0.0,"least_share":0.0,"affected":1},{"name":"peak_mb","unit":"MiB","larger_is_better":false,"of_point":false,"part":3,"least":0.5,"least_share":0.01,"affected":4},{"name":"kl","unit":"nats","larger_is_better":false,"of_point":true,"part":-1,"least":0.0,"least_share":0.02,"affected":8},{"name":"energy_j","unit":"J","larger_is_better":false,"of_point":false,"part":2,"least":0.0,"least_share":0.0,"affected":3},{"name":"ppl","unit":"","larger_is_better":false,"of_point":true,"part":-1,"least":0.0,"least_share":1.0000000000000001e-5,"affected":8}]}');
CREATE TABLE "sample" (id INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE, trial INTEGER NOT NULL, stage TEXT NOT NULL, block INTEGER NOT NULL, process INTEGER NOT NULL, seq INTEGER NOT NULL, at REAL NOT NULL, parts TEXT NOT NULL, value REAL, used INTEGER NOT NULL, why TEXT, causes INTEGER NOT NULL);
INSERT INTO "sample" VALUES(1,1,-1,'search',0,0,0,1.79590170992654013636e+09,'[0.00026488500043342356,0.00037409800097520929,null,20.6328125]',6.38983001408632844686e-04,0,'warm-up',1);
INSERT INTO "sample" VALUES(2,1,-1,'search',0,0,1,1.79590170992842435839e+09,'[0.00023711850008112378,0.00037661199894500896,null,20.6328125]',6.1373049902613274753e-04,0,'warm-up',1);
INSERT INTO "sample" VALUES(3,1,-1,'search',0,0,2,1.79590170992977285384e+09,'[0.0002523319999454543,0.00037897049969615182,null,20.6328125]',6.3130249964160611853e-04,0,'warm-up',1);
INSERT INTO "sample" VALUES(4,1,-1,'search',0,0,3,1.79590170993120288849e+09,'[0.00026715900003182469,0.00042038750052597607,null,20.6328125]',6.87546500557800754904e-04,0,'warm-up',1);
INSERT INTO "sample" VALUES(5,1,-1,'search',0,0,4,1.79590170993271589275e+09,'[0.0002548949996707961,0.00037963700015097857,null,20.6328125]',6.3453199982177466154e-04,0,'warm-up',1);
INSERT INTO "sample" VALUES(6,1,-1,'search',0,0,5,1.79590170993411850927e+09,'[0.0002423665009700926,0.00036484949941950617,null,20.6328125]',6.07216000389598775655e-04,1,NULL,0);
INSERT INTO "sample" VALUES(7,1,0,'search',0,0,6,1.7959017099354622364e+09,'[0.00024235099954239558,0.0004012989993498195,null,20.6328125]',6.43649998892215080559e-04,0,'warm-up',1);
INSERT INTO "sample" VALUES(8,1,0,'search',0,0,7,1.79590170993621850012e+09,'[0.00023813999996491475,0.00034676249924814329,null,20.6328125]',0.000584902499213058,1,NULL,0);
INSERT INTO "sample" VALUES(9,1,-1,'search',0,0,8,1.79590170993750047681e+09,'[0.00023347850037680473,0.0003434825002841535,null,20.6328125]',5.7696100066095823422e-04,1,NULL,0);
INSERT INTO "sample" VALUES(10,1,0,'search',0,0,9,1.79590170993877768518e+09,'[0.0002332579997528228,0.00035916050001105759,null,20.6328125]',5.92418499763880390673e-04,1,NULL,0);
INSERT INTO "sample" VALUES(11,1,-1,'search',0,0,10,1.79590170994007515903e+09,'[0.00024006349940464133,0.00032641699999658158,null,20.6328125]',5.66480499401222914457e-04,1,NULL,0);
CREATE TABLE "trial" (run INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE, number INTEGER NOT NULL, params TEXT NOT NULL, key TEXT NOT NULL, status TEXT NOT NULL, reason TEXT, duplicate_of INTEGER, metrics TEXT NOT NULL, value REAL, spread REAL, told TEXT, ratios TEXT, samples INTEGER NOT NULL, token_hash TEXT, in_force TEXT, started REAL NOT NULL, seconds REAL NOT NULL, PRIMARY KEY (run, number)) WITHOUT ROWID;
INSERT INTO "trial" VALUES(1,0,'{"heads_per_band":6,"chunk_size":16}','heads_per_band=6 chunk_size=16','ok',NULL,NULL,'{"prefill_tok_s":12658.070956157797,"decode_tok_s":9016.1603352325219,"prefill_s":0.0002370029375242666,"decode_s":0.00033273587519033754,"request_s":0.00056973881271460414,"ttft_ms":0.2370029375242666,"peak_mb":20.6328125,"kl":null,"energy_j":null,"ppl":null}',1.0269046696879622349e+00,6.72683684411047727591e-02,'[1.0150609114568812,0.98621716878888477,1.0372327833878212]','[-0.0057944852301030636,0.035691729191529298,0.060412475760752038,0.007974379035887047,0.1300922682824508,-0.018743993889162702,0.015104124892036275,-0.01234367743821263]',8,'d2ea22e56fec3c4c5fa2bb0c5fdd7f8f','{"scheduler":"ray","chunk_size":3,"heads_per_band":6,"bands":2,"threads":2,"segment":3,"decode_threads":2,"chunks":12,"max_in_flight":2}',1.79590170992653179165e+09,1.48038509996695211157e-02);
INSERT INTO "trial" VALUES(1,1,'{"heads_per_band":2,"chunk_size":16}','heads_per_band=2 chunk_size=16','ok',NULL,NULL,'{"prefill_tok_s":13098.398986451562,"decode_tok_s":7496.7646826930231,"prefill_s":0.00022903562512510689,"decode_s":0.00040017262472247239,"request_s":0.00062920824984757928,"ttft_ms":0.22903562512510689,"peak_mb":20.6328125,"kl":null,"energy_j":null,"ppl":null}',1.09920547209002061883e+00,6.72683684411047727591e-02,'[1.0105206444076726,1.0160355420585714,0.99006361560900114]','[0.044522880921727293,-0.023591505828449044,0.013362983982974974,0.74597962182019018,0.030511017741697621,-0.015693421388354167,-0.029764502784168201,-0.0086261086944841026]',8,'d2ea22e56fec3c4c5fa2bb0c5fdd7f8f','{"scheduler":"ray","chunk_size":3,"heads_per_band":2,"bands":4,"threads":2,"segment":3,"decode_threads":2,"chunks":24,"max_in_flight":2}',1.79590170994266271594e+09,5.68470400139631237834e-03);
INSERT INTO "trial" VALUES(1,2,'{"heads_per_band":4,"chunk_size":16}','heads_per_band=4 chunk_size=16','ok','the baseline''s own settings',NULL,'{"prefill_tok_s":14015.777069944259,"decode_tok_s":9467.5153775909439,"prefill_s":0.00021404450035333866,"decode_s":0.00031687299997429363,"request_s":0.0005309175003276323,"ttft_ms":0.21404450035333866,"peak_mb":20.6328125,"kl":null,"energy_j":null,"ppl":null}',1.0,NULL,'[1.0,1.0,1.0]',NULL,1,'d2ea22e56fec3c4c5fa2bb0c5fdd7f8f','{"scheduler":"ray","chunk_size":3,"heads_per_band":4,"bands":2,"threads":2,"segment":3,"decode_threads":2,"chunks":12,"max_in_flight":2}',1.79590170994874715804e+09,1.23070600056962575763e-03);
CREATE INDEX run_checkpoint ON run(checkpoint, device);
CREATE INDEX sample_run ON sample(run, trial);
COMMIT;
PRAGMA application_id = 2020373621;
PRAGMA user_version = 4;
