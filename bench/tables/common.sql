-- What both tables need: the measuring backend's CPU time, and text that compresses like prose.
CREATE EXTENSION pg_prewarm;
CREATE SCHEMA bench;

CREATE FUNCTION bench.cpu() RETURNS float8
LANGUAGE sql AS $$ SELECT split_part(pg_read_file('/proc/self/schedstat'), ' ', 1)::float8 / 1000 $$;
COMMENT ON FUNCTION bench.cpu() IS 'Microseconds this backend has spent on a CPU, user and system';

CREATE FUNCTION bench.now() RETURNS float8
LANGUAGE sql AS $$ SELECT extract(epoch FROM clock_timestamp())::float8 * 1e6 $$;
COMMENT ON FUNCTION bench.now() IS 'The time in microseconds';

CREATE TABLE bench.sample (transactions int, cpu float8, wall float8);
COMMENT ON TABLE bench.sample IS 'What each client of pgbench measured of itself';

SELECT setseed(0.5);
CREATE TABLE bench.paragraph AS
WITH vocabulary AS (
    SELECT string_to_array(
        'the of and to in a is that it was for on are with as his they be at one have this from or had by not but '
        'some what there we can out other were all your when up use word how said an each she which do their time '
        'will way about many then them would write like so these her long make thing see him two has look more day '
        'could go come did my sound no most number who over know water than call first people may down side been '
        'now find any new work part take get place made live where after back little only round man year came show '
        'every good me give our under name very through just form much great think say help low line before turn '
        'cause same mean differ move right boy old too does tell sentence set three want air well also play small '
        'end put home read hand port large spell add even land here must big high such follow act why ask men',
        ' ') AS words
)
SELECT n AS id, string_agg(words[1 + floor(random() * cardinality(words))::int], ' ') AS body
FROM vocabulary, generate_series(0, 4998) AS n, generate_series(1, 400)
GROUP BY n;
