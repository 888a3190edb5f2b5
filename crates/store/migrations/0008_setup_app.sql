-- Which objects of a setup were made in the app (`policy:pupper`, as a JSON list); all others stand in files.
ALTER TABLE setup ADD COLUMN app TEXT NOT NULL DEFAULT '[]';
