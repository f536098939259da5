BEGIN TRANSACTION;
CREATE TABLE tunesmith_evaluations (
	study INTEGER NOT NULL, 
	position BIGINT NOT NULL, 
	trial BIGINT NOT NULL, 
	split BIGINT NOT NULL, 
	attempt BIGINT NOT NULL, 
	state TEXT NOT NULL, 
	test TEXT NOT NULL, 
	train TEXT NOT NULL, 
	n_test_samples BIGINT NOT NULL, 
	fit_time DOUBLE, 
	score_time DOUBLE, 
	error TEXT, 
	ended DOUBLE, 
	CONSTRAINT pk_tunesmith_evaluations PRIMARY KEY (study, position), 
	CONSTRAINT uq_tunesmith_evaluations_attempt UNIQUE (study, trial, split, attempt), 
	FOREIGN KEY(study) REFERENCES tunesmith_studies (id)
);
INSERT INTO "tunesmith_evaluations" VALUES(1,2,0,0,0,'completed','many','one',3,0.25,0.125,NULL,1700000000.0);
INSERT INTO "tunesmith_evaluations" VALUES(1,4,1,0,0,'failed','none','none',3,0.25,0.125,'no ü',1700000000.0);
INSERT INTO "tunesmith_evaluations" VALUES(1,5,1,1,0,'lost','one','none',3,0.25,0.125,NULL,1700000000.0);
CREATE TABLE tunesmith_scores (
	study INTEGER NOT NULL, 
	position BIGINT NOT NULL, 
	part TEXT NOT NULL, 
	place INTEGER NOT NULL, 
	metric TEXT NOT NULL, 
	value DOUBLE, 
	special TEXT, 
	CONSTRAINT pk_tunesmith_scores PRIMARY KEY (study, position, part, place)
);
INSERT INTO "tunesmith_scores" VALUES(1,2,'test',0,'accuracy',0.5,NULL);
INSERT INTO "tunesmith_scores" VALUES(1,2,'test',1,'loss',NULL,'-0.0');
INSERT INTO "tunesmith_scores" VALUES(1,2,'train',0,'score',NULL,'nan');
INSERT INTO "tunesmith_scores" VALUES(1,5,'test',0,'score',NULL,'-inf');
CREATE TABLE tunesmith_studies (
	id INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	created DOUBLE, 
	parts TEXT NOT NULL, 
	facts TEXT NOT NULL, 
	last BIGINT NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT uq_tunesmith_studies_name UNIQUE (name)
);
INSERT INTO "tunesmith_studies" VALUES(1,'s','GridSearchCV',1.5,'{"X":{"digest":"d","text":"X"}}','{}',5);
CREATE TABLE tunesmith_trials (
	study INTEGER NOT NULL, 
	position BIGINT NOT NULL, 
	number BIGINT NOT NULL, 
	"key" TEXT NOT NULL, 
	params TEXT NOT NULL, 
	CONSTRAINT pk_tunesmith_trials PRIMARY KEY (study, position), 
	CONSTRAINT uq_tunesmith_trials_number UNIQUE (study, number), 
	CONSTRAINT uq_tunesmith_trials_key UNIQUE (study, "key"), 
	FOREIGN KEY(study) REFERENCES tunesmith_studies (id)
);
INSERT INTO "tunesmith_trials" VALUES(1,1,0,'k0','{"C":0}');
INSERT INTO "tunesmith_trials" VALUES(1,3,1,'k1','{"C":1}');
CREATE TABLE tunesmith_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT tunesmith_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "tunesmith_version" VALUES('0001');
COMMIT;
