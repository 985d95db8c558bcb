-- Nearest neighbours, class means and predictions in DuckDB, of the files that `make demo` leaves:
--     cd demo && duckdb < ../examples/duckdb_nearest.sql
-- For other data change the four paths.
CREATE VIEW features AS SELECT * FROM 'features/demo/demo/part-*.parquet';
CREATE VIEW roles AS SELECT * FROM 'features/demo/splits/demo.parquet';
CREATE VIEW classes AS SELECT * FROM 'features/demo/classes.parquet';
CREATE VIEW predictions AS SELECT * FROM 'reports/demo-demo-vzsl/predictions.parquet';

-- The ten images most like the first unseen one, by the cosine of their features.
-- (With the width known, array_cosine_similarity(feature::FLOAT[128], ...) does the same.)
WITH query AS (SELECT image, feature FROM features JOIN roles USING (image) WHERE role = 'test_unseen' ORDER BY image LIMIT 1)
SELECT f.image, f.class, list_cosine_similarity(f.feature, query.feature) AS cosine
FROM features AS f, query
WHERE f.image <> query.image
ORDER BY cosine DESC, f.image
LIMIT 10;

-- The mean feature of each class.
CREATE TABLE means AS
WITH items AS (SELECT class, unnest(feature) AS x, generate_subscripts(feature, 1) AS k FROM features),
     averages AS (SELECT class, k, avg(x) AS m FROM items GROUP BY class, k)
SELECT class, list(m ORDER BY k) AS mean FROM averages GROUP BY class;

-- For each unseen class the seen class that looks most like it, and the one that is described most like it.
WITH unseen AS (SELECT DISTINCT class FROM features JOIN roles USING (image) WHERE role = 'test_unseen'),
     pairs AS (
       SELECT u.class AS unseen, s.class AS seen,
              list_cosine_similarity(u.mean, s.mean) AS looks,
              list_cosine_similarity(du.attributes, ds.attributes) AS described
       FROM means AS u JOIN classes AS du ON du.class = u.class, means AS s JOIN classes AS ds ON ds.class = s.class
       WHERE u.class IN (FROM unseen) AND s.class NOT IN (FROM unseen))
SELECT unseen, arg_max(seen, looks) AS looks_like, max(looks) AS cosine, arg_max(seen, described) AS described_like
FROM pairs GROUP BY unseen ORDER BY unseen;

-- How well each unseen class is named, and what it is taken for.
SELECT class, count(*) AS images, avg(correct::INT) AS accuracy, mode(predicted) FILTER (NOT correct) AS taken_for
FROM predictions WHERE task = 'zero-shot'
GROUP BY class ORDER BY accuracy, class;
