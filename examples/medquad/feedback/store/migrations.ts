/**
 * The schema, version by version: the first is applied to an empty file, each to what the one before it made. A
 * migration that was released is never changed. `key` tells a row from others wherever it is taken to.
 */
export const migrations: readonly string[] = [
  // 1: what people say
  `CREATE TABLE questions (
     id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, text TEXT NOT NULL, at TEXT NOT NULL
   ) STRICT;
   CREATE TABLE answers (
     id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE,
     question INTEGER NOT NULL REFERENCES questions ON DELETE CASCADE,
     text TEXT NOT NULL, model TEXT NOT NULL, version INTEGER, seed INTEGER NOT NULL, settings TEXT NOT NULL,
     rating INTEGER CHECK (rating IN (-1, 1)), at TEXT NOT NULL
   ) STRICT;
   CREATE TABLE corrections (
     id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE,
     question INTEGER NOT NULL REFERENCES questions ON DELETE CASCADE,
     answer INTEGER REFERENCES answers ON DELETE SET NULL, text TEXT NOT NULL, at TEXT NOT NULL
   ) STRICT;
   CREATE INDEX answers_question ON answers (question);
   CREATE INDEX corrections_question ON corrections (question);`,
  // 2: what was made of it
  `CREATE TABLE versions (
     id INTEGER PRIMARY KEY, parent INTEGER REFERENCES versions,
     status TEXT NOT NULL CHECK (status IN ('start', 'kept', 'rejected')),
     settings TEXT NOT NULL, gate TEXT NOT NULL, at TEXT NOT NULL
   ) STRICT;
   CREATE TABLE activations (
     id INTEGER PRIMARY KEY, version INTEGER NOT NULL REFERENCES versions, why TEXT NOT NULL, at TEXT NOT NULL
   ) STRICT;
   CREATE TABLE learnt_corrections (
     version INTEGER NOT NULL REFERENCES versions,
     correction INTEGER NOT NULL REFERENCES corrections ON DELETE CASCADE,
     loss_before REAL NOT NULL, loss_after REAL NOT NULL, answer_before TEXT NOT NULL, answer_after TEXT NOT NULL,
     overlap REAL NOT NULL, is_learnt INTEGER NOT NULL, PRIMARY KEY (version, correction)
   ) STRICT;
   CREATE TABLE guard (pair TEXT PRIMARY KEY) STRICT;
   CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;`,
  // 3: which of two answers is better
  `CREATE TABLE preferences (
     id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE,
     chosen INTEGER NOT NULL REFERENCES answers ON DELETE CASCADE,
     rejected INTEGER NOT NULL REFERENCES answers ON DELETE CASCADE, at TEXT NOT NULL,
     CHECK (chosen <> rejected), UNIQUE (chosen, rejected)
   ) STRICT;
   CREATE TABLE learnt_preferences (
     version INTEGER NOT NULL REFERENCES versions,
     preference INTEGER NOT NULL REFERENCES preferences ON DELETE CASCADE,
     margin_before REAL NOT NULL, margin_after REAL NOT NULL, is_learnt INTEGER NOT NULL,
     PRIMARY KEY (version, preference)
   ) STRICT;`,
]
