-- What each space and theme shows, as spaces says. The row of a place that is gone stays, so that an older event about
-- it changes nothing.
CREATE TABLE logo_places (
    organization_id uuid NOT NULL,
    place_id uuid NOT NULL,
    -- Nothing where the place shows none. Not a foreign key: what an event names may be gone.
    logo_id uuid,
    -- The place's, at the event.
    version bigint NOT NULL,
    CONSTRAINT logo_places_pkey PRIMARY KEY (organization_id, place_id)
);

CREATE INDEX logo_places_logo_idx ON logo_places (organization_id, logo_id) WHERE logo_id IS NOT NULL;

ALTER TABLE logo_places ENABLE ROW LEVEL SECURITY;
ALTER TABLE logo_places FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON logo_places
    USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid);

ALTER TABLE logos
    -- Taken as shown by its own space until that one tells what it shows: uploaded before spaces told of places, or asked
    -- for by its space to be shown, however late that is told.
    ADD COLUMN awaits_place boolean NOT NULL DEFAULT true,
    -- Whether anything shows it: a place, or the organisation as its own. Written with the row that makes it so.
    ADD COLUMN is_shown boolean NOT NULL DEFAULT true,
    -- When it was uploaded, last asked for in order to be shown, or last began or ceased to be shown somewhere.
    ADD COLUMN use_time timestamptz NOT NULL DEFAULT now(),
    -- When a process last took up deleting it.
    ADD COLUMN claim_time timestamptz;

CREATE INDEX logos_unshown_idx ON logos (use_time) WHERE state = 'READY' AND NOT is_shown;
CREATE INDEX logos_awaiting_idx ON logos (organization_id, space_id) WHERE awaits_place;
