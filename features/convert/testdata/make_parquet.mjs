// Writes the small Parquet files that the tests read, with DuckDB: the matrix of make_npy.py as lists, as fixed-size lists, as a
// column each, and with rows that cannot be features. Needs @duckdb/node-api in NODE_PATH: make interop installs it.
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const require = createRequire(import.meta.url);
const { DuckDBInstance } = require("@duckdb/node-api");
const here = dirname(fileURLToPath(import.meta.url));
const c = await (await DuckDBInstance.create()).connect();
const columns = [0, 1, 2, 3, 4].map((j) => `(100 * i + ${j} / 2 - 3)::DOUBLE`);
const list = `[${columns.join(", ")}]`;
const image = "'i' || i || '.jpg' AS image";
const label = "[3, 1, 2, 2, 3, 1, 1][i + 1]";
const name = "['c', 'a', 'b', 'b', 'c', 'a', 'a'][i + 1]";
const write = (file, select, options = "") => c.run(`COPY (SELECT ${select} FROM range(7) AS t(i)) TO '${join(here, file)}' (FORMAT parquet${options})`);
await write("list.parquet", `${image}, ${name} AS class, ${list}::FLOAT[] AS embedding`, ", COMPRESSION zstd");
await write("array.parquet", `${image.replace("AS image", "AS path")}, ${label}::BIGINT AS label, ${list}::DOUBLE[5] AS feature, ${list} AS other`);
await write("flat.parquet", `${label}::SMALLINT AS label, ${columns.map((v, j) => `${v}::FLOAT AS f${j}`).join(", ")}`);
await write("ragged.parquet", `${image}, ${name} AS class, CASE WHEN i = 4 THEN [1.0::DOUBLE] ELSE ${list} END AS feature`);
await write("null.parquet", `${image}, ${name} AS class, CASE WHEN i = 4 THEN NULL ELSE ${list} END AS feature`);
await write("noname.parquet", `CASE WHEN i < 6 THEN 'i' || i END AS image, ${name} AS class, ${list} AS feature`);
