-- state.db as everleaf of format 1 wrote it: www is live; mail, too, but its hook fails and nobody serves it.
CREATE TABLE certificate (name, inode, size, mtime_ns, ctime_ns, disk_stamp, generation, serial, fingerprint, spki_hash, not_before, not_after, names_hash, n_names, key, usage, is_ca, renew_at, retry_at, last_success_at, changed_at, held, held_not_after, held_names_hash, held_key, failures, flags, state, issuer, last_error, PRIMARY KEY (name)) WITHOUT ROWID;
INSERT INTO "certificate" VALUES('mail',1139994,627,1795349196661734557,1795349196664337994,861581296522815041,1,'C36E25A41050049B961B57FA94786A18',X'814E1E580B1B36BE71C3240F7ECFA36251CCEEF22EFB0B4C1230175C1BC1AA72',X'CC23DBAFAE79293AF20410BF78B164FA419497E68447F99ED33DCBEB3C77D203',1795348896,4905748896,-4066757086527290340,1,1,1,0,3843224190,1795349298,0,1795349196,0,4905748896,-4066757086527290340,1,1,64,0,'lab','hook reload: exited with 7');
INSERT INTO "certificate" VALUES('www',1139999,644,1795349196759914631,1795349196760122108,-8249792618329749552,1,'9ECF9A506BCF7C22F2BAD81AD7B54F64',X'6690E87F3BA7D005EF44888D702FCDC28950D90C93B7BBF58EE29B0E62358D6E',X'A096467594AE863171F23BA4F8356447E336EBF9F3F620CDEB00EB478CE548CC',1795348896,4905748896,-8902104302883904123,2,1,1,0,3838666549,0,1795349196,1795349196,0,4905748896,-8902104302883904123,1,0,0,0,'lab','');
CREATE TABLE event (id INTEGER PRIMARY KEY, at, name, what, generation, text);
INSERT INTO "event" VALUES(1,1795349196,'mail','issued',1,'missing by lab, until 2125-06-16T12:01:36Z');
INSERT INTO "event" VALUES(2,1795349196,'www','issued',1,'missing by lab, until 2125-06-16T12:01:36Z');
INSERT INTO "event" VALUES(3,1795349196,'mail','installed',1,'');
INSERT INTO "event" VALUES(4,1795349196,'www','installed',1,'');
INSERT INTO "event" VALUES(5,1795349196,'mail','hook-failed',1,'reload: exited with 7');
INSERT INTO "event" VALUES(6,1795349196,'mail','failed',1,'hook reload: exited with 7');
CREATE TABLE hook (name, hook, generation, previous, test_passed, was_up, PRIMARY KEY (name, hook)) WITHOUT ROWID;
INSERT INTO "hook" VALUES('mail','reload',1,0,1,0);
CREATE TABLE served (name, endpoint, verdict, detail, fingerprint, at, PRIMARY KEY (name, endpoint)) WITHOUT ROWID;
INSERT INTO "served" VALUES('mail','127.0.0.1:9','other','the other role is gone',X'0000000000000000000000000000000000000000000000000000000000000000',1795349196);
CREATE INDEX event_name ON event (name);
PRAGMA application_id = 0;
PRAGMA user_version = 1;
