-- Where an API key was used from the last time.
ALTER TABLE api_keys ADD COLUMN last_used_from TEXT;
