-- Who may do what (DESIGN.md 3.7): nothing but set_context and item_of until it is granted.

CREATE FUNCTION _level_functions(level text) RETURNS regprocedure[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT pg_catalog.array_agg(p.oid::regprocedure)
    FROM pg_catalog.pg_proc AS p
    WHERE p.pronamespace = 'directus_versions'::regnamespace
        AND p.proname = ANY (CASE level
            WHEN 'read' THEN ARRAY['_data', '_delta', '_prior', '_row', 'history', 'item_at', 'as_of', 'diff', 'blame', '_row_visible', '_is_live', '_item_condition', '_needed_condition', '_key_values', '_is_told_by_text', '_equality', '_plain_type', '_item_key', '_is_owner', '_selectable', '_selects_all_of',
                '_laid_over', '_item_of_version', 'version_data', 'version_row', 'read_version', 'compare_version']
            WHEN 'write' THEN ARRAY['comment', '_last_key', '_has_history', '_collection_name', 'log_activity', '_announce', '_callers_path',
                'undo', 'undo_transaction', '_undo', '_undo_transaction', '_undo_steps', '_undo_each', '_undo_together', '_undo_either', '_undo_conflicts',
                '_unless_there', '_is_tracked', '_newest_first', '_undoing', '_quoted', '_list_differing',
                '_undo_statement', '_undone', '_reversals', '_present_item', '_last_id', '_recorded', '_key_condition',
                '_same_fields', '_assigned', '_taken',
                'revert', '_revert', '_restored', '_known_fields', '_check_fields', '_insert_restored', '_update_restored', '_differing_fields', '_subject',
                'revert_collection', '_revert_collection', '_collection_changes', '_collection_statement', '_saved_fields', '_settable',
                '_execute_at', '_moved_since', '_collection_differences', '_differences',
                'create_version', 'save_version', 'discard_version_fields', 'rename_version', 'drop_version', 'promote_version']
            WHEN 'manage' THEN ARRAY['track', 'set_scope', 'untrack', 'relink', 'track_schema',
                'set_retention', 'purge', 'maintain', 'check_tracking']
            ELSE '{}'
        END)
$$;
COMMENT ON FUNCTION _level_functions(text) IS 'The functions that a level adds to the ones before it';

CREATE FUNCTION grant_access(grantee regrole, level text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    levels CONSTANT text[] := ARRAY['read', 'write', 'manage'];
    granted regprocedure;
BEGIN
    IF grantee IS NULL THEN
        RAISE EXCEPTION 'grantee must not be NULL' USING ERRCODE = '22023';
    ELSIF level IS NULL OR NOT level = ANY (levels) THEN
        RAISE EXCEPTION 'level "%" is not known', level USING ERRCODE = '22023', HINT = 'Use read, write or manage.';
    END IF;
    EXECUTE pg_catalog.format(
        'GRANT SELECT ON directus_versions.activity, directus_versions.revisions, directus_versions.collections, directus_versions.versions TO %s', grantee);
    IF level = 'manage' THEN
        EXECUTE pg_catalog.format('GRANT SELECT ON directus_versions.status TO %s', grantee);
    END IF;
    FOR granted IN
        SELECT pg_catalog.unnest(directus_versions._level_functions(l))
        FROM pg_catalog.unnest(levels[1:pg_catalog.array_position(levels, level)]) AS l
    LOOP
        EXECUTE pg_catalog.format('GRANT EXECUTE ON FUNCTION %s TO %s', granted, grantee);
    END LOOP;
END $$;
COMMENT ON FUNCTION grant_access(regrole, text) IS
'Gives a role the rights of level read, write or manage, each with the ones before it, as plain grants. 22023 for another level. For the extension''s owner';

CREATE FUNCTION revoke_access(grantee regrole) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    EXECUTE pg_catalog.format('REVOKE ALL ON ALL TABLES IN SCHEMA directus_versions FROM %s', grantee);
    EXECUTE pg_catalog.format('REVOKE ALL ON ALL FUNCTIONS IN SCHEMA directus_versions FROM %s', grantee);
    EXECUTE pg_catalog.format('REVOKE ALL ON SCHEMA directus_versions FROM %s', grantee);
END $$;
COMMENT ON FUNCTION revoke_access(regrole) IS
'Takes every right on this extension from a role. For the extension''s owner';

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA directus_versions FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA directus_versions FROM PUBLIC;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA directus_versions FROM PUBLIC;
REVOKE ALL ON TYPE change, table_ref FROM PUBLIC;
GRANT USAGE ON SCHEMA directus_versions TO PUBLIC;
GRANT EXECUTE ON FUNCTION item_of(anyelement) TO PUBLIC;
GRANT EXECUTE ON FUNCTION set_context(text, text, text, text, text, text, boolean) TO PUBLIC;
