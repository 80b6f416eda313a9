-- What the service "thumbnails" keeps. The id of a picture is that of the job that makes its thumbnail.
CREATE TABLE picture (
    id           uuid         PRIMARY KEY,
    width        integer      NOT NULL, -- of the thumbnail
    height       integer      NOT NULL,
    channels     integer      NOT NULL,
    original     bytea        NOT NULL,
    uploaded_at  timestamptz  NOT NULL DEFAULT clock_timestamp()
);
ALTER TABLE picture ALTER COLUMN original SET STORAGE EXTERNAL; -- pixels are not worth compressing

-- There is no UNIQUE (picture_id) on purpose: a thumbnail that is made twice must be seen by the demo's
-- check, not hidden.
CREATE TABLE thumbnail (
    number      bigint       GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    picture_id  uuid         NOT NULL,
    file        bytea        NOT NULL,
    made_by     integer      NOT NULL, -- the process
    made_at     timestamptz  NOT NULL DEFAULT clock_timestamp()
);
ALTER TABLE thumbnail ALTER COLUMN file SET STORAGE EXTERNAL;
CREATE INDEX thumbnail_picture ON thumbnail (picture_id);
