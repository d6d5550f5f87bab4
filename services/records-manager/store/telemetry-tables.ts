/**
 * Tables of what was scraped. A row of `samples` is one scrape of one source, its values a JSON array in which the value at
 * `place` belongs to the series of that source and place: as compact as packed doubles on real pages, and `sqlite3` reads it.
 * NULL instead of the array: the scrape gave nothing, and `gap` says why.
 */
const TELEMETRY_TABLES = `
CREATE TABLE sources (
  source INTEGER PRIMARY KEY,
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  UNIQUE (kind, name)
) STRICT;
CREATE TABLE series (
  series INTEGER PRIMARY KEY,
  source INTEGER NOT NULL REFERENCES sources,
  place INTEGER NOT NULL,
  subject TEXT NOT NULL,
  name TEXT NOT NULL,
  family TEXT NOT NULL,
  type TEXT NOT NULL,
  unit TEXT NOT NULL,
  help TEXT NOT NULL,
  labels TEXT NOT NULL,
  UNIQUE (source, place)
) STRICT;
CREATE TABLE samples (
  source INTEGER NOT NULL REFERENCES sources,
  start_ns INTEGER NOT NULL,
  end_ns INTEGER NOT NULL,
  source_wall_ns INTEGER,
  age_ns INTEGER,
  gap TEXT,
  readings TEXT
) STRICT;
CREATE INDEX samples_by_time ON samples (source, end_ns);
CREATE TABLE sample_senders (
  member_id TEXT PRIMARY KEY,
  seq INTEGER NOT NULL
) STRICT;
`;

/** For people. Values are looked up by place, not by unfolding arrays: a query of one series costs a fifth, one of all a twentieth. */
const TELEMETRY_VIEW = `
CREATE VIEW telemetry AS
  SELECT sources.kind AS kind, sources.name AS source, subject, json_extract(labels, '$.index') AS gpu, series.name AS name, labels, unit,
    readings ->> place AS value,
    strftime('%Y-%m-%dT%H:%M:%fZ', (end_ns + suite_wall_offset_ns) / 1e9, 'unixepoch') AS scraped_at,
    phases.name AS phase,
    (end_ns - started_ns) / 1e9 AS scraped_sec
  FROM series JOIN sources USING (source) JOIN samples USING (source) CROSS JOIN run
    LEFT JOIN phases ON end_ns BETWEEN started_ns AND coalesce(ended_ns, end_ns)
  WHERE readings ->> place IS NOT NULL;
`;

/** What files had until version 1: a row a value. */
export const VALUE_ROWS = `
CREATE TABLE series (
  series INTEGER PRIMARY KEY,
  source TEXT NOT NULL,
  gpu_uuid TEXT NOT NULL,
  field TEXT NOT NULL,
  unit TEXT NOT NULL,
  labels TEXT NOT NULL DEFAULT '{}',
  UNIQUE (source, gpu_uuid, field)
) STRICT;
CREATE TABLE samples (
  series INTEGER NOT NULL REFERENCES series,
  value REAL,
  scrape_start_ns INTEGER NOT NULL,
  scrape_end_ns INTEGER NOT NULL,
  value_age_ns INTEGER
) STRICT;
`;

/** From rows of values to rows of scrapes. All that was scraped then were GPUs. Copies, since a table is not renamed where a view of the file lacks a column. */
export const FROM_VALUE_ROWS = `
DROP VIEW IF EXISTS telemetry;
CREATE TEMP TABLE old_samples AS SELECT * FROM samples;
CREATE TEMP TABLE old_series AS SELECT * FROM series;
DROP TABLE samples;
DROP TABLE series;
${TELEMETRY_TABLES}
INSERT INTO sources (kind, name) SELECT 'dcgm', source FROM old_series GROUP BY source ORDER BY min(series);
INSERT INTO series
  SELECT series, sources.source, row_number() OVER (PARTITION BY sources.source ORDER BY series) - 1, gpu_uuid, field, field,
    'unknown', unit, '', labels
  FROM old_series JOIN sources ON name = old_series.source;
INSERT INTO samples
  WITH scrapes AS (
    SELECT source, scrape_start_ns AS start_ns, scrape_end_ns AS end_ns, max(value_age_ns) AS age_ns,
      json_group_object(place, value) AS by_place
    FROM old_samples JOIN series USING (series)
    GROUP BY source, scrape_start_ns, scrape_end_ns
  )
  SELECT source, start_ns, end_ns, NULL, age_ns, NULL, json_group_array(by_place ->> ('$."' || place || '"') ORDER BY place)
  FROM scrapes JOIN series USING (source)
  GROUP BY source, start_ns, end_ns
  ORDER BY end_ns;
DROP TABLE old_samples;
DROP TABLE old_series;
${TELEMETRY_VIEW}`;
