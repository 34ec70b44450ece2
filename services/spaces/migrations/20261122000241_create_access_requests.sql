-- Requests for access to a space: of people who have its link, and of colleagues whom a guest proposed.
CREATE TABLE access_requests (
    organization_id uuid NOT NULL,
    access_request_id uuid NOT NULL,
    space_id uuid NOT NULL,
    -- Normalised; whoever has it need not have an account.
    email_address text NOT NULL,
    -- As the requester gave it; empty: none.
    display_name text NOT NULL,
    -- What the requester says; empty: nothing.
    message text NOT NULL,
    -- Whether the requester proved that the address is theirs.
    is_verified boolean NOT NULL,
    -- The guest who gave an address of the directory; absent: the requester asked.
    proposer_user_id uuid,
    -- The requester's account, where there is one.
    requester_user_id uuid,
    state text NOT NULL,
    -- When it was last asked for, and when it lapses by that.
    request_time timestamptz NOT NULL,
    lapse_time timestamptz NOT NULL,
    -- When the owner was last told of it.
    told_time timestamptz,
    answerer_user_id uuid,
    answer_time timestamptz,
    version bigint NOT NULL,
    create_time timestamptz NOT NULL,
    CONSTRAINT access_requests_pkey PRIMARY KEY (organization_id, access_request_id),
    CONSTRAINT access_requests_space_fkey FOREIGN KEY (organization_id, space_id)
        REFERENCES spaces (organization_id, space_id) ON DELETE CASCADE,
    CONSTRAINT access_requests_state_check CHECK (state IN ('REQUESTED', 'GRANTED', 'DECLINED', 'LAPSED')),
    CONSTRAINT access_requests_answer_check CHECK (
        num_nonnulls(answerer_user_id, answer_time) = CASE WHEN state IN ('GRANTED', 'DECLINED') THEN 2 ELSE 0 END),
    CONSTRAINT access_requests_display_name_check CHECK (char_length(display_name) <= 255),
    CONSTRAINT access_requests_message_check CHECK (char_length(message) <= 1000)
);

-- Repeated requests fold into one.
CREATE UNIQUE INDEX access_requests_waiting_key ON access_requests (organization_id, space_id, email_address)
    WHERE state = 'REQUESTED';
CREATE INDEX access_requests_order_idx ON access_requests (organization_id, space_id, request_time, access_request_id);
CREATE INDEX access_requests_lapse_idx ON access_requests (lapse_time) WHERE state = 'REQUESTED';

ALTER TABLE access_requests ENABLE ROW LEVEL SECURITY;
ALTER TABLE access_requests FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON access_requests
    USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid);
