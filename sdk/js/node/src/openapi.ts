// Made from the API's description by `npm run generate`. Changes here are lost.

export interface paths {
    "/connect/sessions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Make a session in which a browser may connect
         * @description Scope: environment:connect_sessions:write
         */
        post: operations["post_connect_sessions"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/connect/sessions/reconnect": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Make a session in which a browser repairs one connection
         * @description Scope: environment:connect_sessions:write
         */
        post: operations["post_connect_sessions_reconnect"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/connect/session": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What the session allows and presets */
        get: operations["get_connect_session"];
        put?: never;
        post?: never;
        /** End the session; its token stops working */
        delete: operations["delete_connect_session"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/connect/telemetry": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Add what a person did to the session's log */
        post: operations["post_connect_telemetry"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/connections": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List connections
         * @description Scope: environment:connections:list or environment:connections:list_credentials
         */
        get: operations["get_connections"];
        put?: never;
        /**
         * Import a connection
         * @description Scope: environment:connections:create
         */
        post: operations["post_connections"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/connection": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Import a connection from flat fields
         * @deprecated
         * @description Scope: environment:connections:create
         */
        post: operations["post_connection"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/connections/{connectionId}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read a connection with fresh credentials
         * @description Scope: environment:connections:read or environment:connections:read_credentials
         */
        get: operations["get_connections_connectionId"];
        put?: never;
        post?: never;
        /**
         * Delete a connection
         * @description Scope: environment:connections:delete
         */
        delete: operations["delete_connections_connectionId"];
        options?: never;
        head?: never;
        /**
         * Change a connection's end user, tags or webhook URL
         * @description Scope: environment:connections:update
         */
        patch: operations["patch_connections_connectionId"];
        trace?: never;
    };
    "/connections/metadata": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Replace the metadata of one or several connections
         * @description Scope: environment:connections:update
         */
        post: operations["post_connections_metadata"];
        delete?: never;
        options?: never;
        head?: never;
        /**
         * Merge keys into the metadata of one or several connections
         * @description Scope: environment:connections:update
         */
        patch: operations["patch_connections_metadata"];
        trace?: never;
    };
    "/connection/{connectionId}/metadata": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Replace the metadata of a connection
         * @deprecated
         * @description Scope: environment:connections:update
         */
        post: operations["post_connection_connectionId_metadata"];
        delete?: never;
        options?: never;
        head?: never;
        /**
         * Merge keys into the metadata of a connection
         * @deprecated
         * @description Scope: environment:connections:update
         */
        patch: operations["patch_connection_connectionId_metadata"];
        trace?: never;
    };
    "/integrations": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Integrations; a session sees those it may use
         * @description Scope: environment:integrations:list or environment:integrations:list_credentials
         */
        get: operations["get_integrations"];
        put?: never;
        /**
         * Make an integration
         * @description Scope: environment:integrations:create
         */
        post: operations["post_integrations"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/integrations/quickstart": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Make an integration with an app this server shares; it shares none
         * @description Scope: environment:integrations:create
         */
        post: operations["post_integrations_quickstart"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/integrations/{uniqueKey}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * One integration
         * @description Scope: environment:integrations:read or environment:integrations:read_credentials
         */
        get: operations["get_integrations_uniqueKey"];
        put?: never;
        post?: never;
        /**
         * Delete an integration and its connections
         * @description Scope: environment:integrations:delete
         */
        delete: operations["delete_integrations_uniqueKey"];
        options?: never;
        head?: never;
        /**
         * Change an integration; what is left out stays
         * @description Scope: environment:integrations:update
         */
        patch: operations["patch_integrations_uniqueKey"];
        trace?: never;
    };
    "/integrations/{uniqueKey}/functions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Functions of an integration
         * @description Scope: environment:functions:list
         */
        get: operations["get_integrations_uniqueKey_functions"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/integrations/{uniqueKey}/functions/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * One function
         * @description Scope: environment:functions:read
         */
        get: operations["get_integrations_uniqueKey_functions_name"];
        put?: never;
        post?: never;
        /**
         * Delete a function
         * @description Scope: environment:functions:delete
         */
        delete: operations["delete_integrations_uniqueKey_functions_name"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/integrations/{uniqueKey}/functions/{name}/code": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * A function's code
         * @description Scope: environment:functions:read
         */
        get: operations["get_integrations_uniqueKey_functions_name_code"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/scripts/config": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Functions of all integrations
         * @description Scope: environment:integrations:list_functions
         */
        get: operations["get_scripts_config"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/providers": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Providers of the catalogue, by name */
        get: operations["get_providers"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/providers/{provider}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One provider */
        get: operations["get_providers_provider"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/providers/{provider}/templates": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Ready-made functions of a provider; there are none */
        get: operations["get_providers_provider_templates"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/providers.json": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The whole catalogue by name */
        get: operations["get_providers_json"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/environment/proxy-keys": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Keys for some calls through the proxy that work now, newest first
         * @description Scope: environment:proxy
         */
        get: operations["get_environment_proxy_keys"];
        put?: never;
        /**
         * Make a key for some calls through the proxy, for an agent
         * @description Scope: environment:proxy
         */
        post: operations["post_environment_proxy_keys"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/environment/proxy-keys/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * End a key for some calls through the proxy
         * @description Scope: environment:proxy
         */
        delete: operations["delete_environment_proxy_keys_id"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/images/template-logos/{file}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The mark of a provider, as SVG */
        get: operations["get_images_template_logos_file"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/environment-variables": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Variables of the environment
         * @description Scope: environment:variables:read
         */
        get: operations["get_environment_variables"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/environments": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Make an environment
         * @description Scope: account:environments:create
         */
        post: operations["post_environments"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/environments/{environmentId}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Delete an environment with everything in it
         * @description Scope: account:environments:delete
         */
        delete: operations["delete_environments_environmentId"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/environment/webhook-signing-key/rotate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Replace the key that signs webhooks; the old one signs on for a day
         * @description Scope: environment:webhook_signing_key:rotate
         */
        post: operations["post_environment_webhook_signing_key_rotate"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/environment/api-keys": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Make an API key with every scope of an environment
         * @description Scope: account:environments:api_keys:create
         */
        post: operations["post_environment_api_keys"];
        /**
         * Revoke an API key
         * @description Scope: account:environments:api_keys:delete
         */
        delete: operations["delete_environment_api_keys"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/environment/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Events, oldest first, whether they were delivered or not
         * @description Scope: environment:webhooks:read
         */
        get: operations["get_environment_events"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/environment/deliveries": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Deliveries of events, newest first
         * @description Scope: environment:webhooks:read
         */
        get: operations["get_environment_deliveries"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/environment/deliveries/{id}/replay": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Send a finished delivery again
         * @description Scope: environment:webhooks:replay
         */
        post: operations["post_environment_deliveries_id_replay"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/webhook/{environmentUuid}/{providerConfigKey}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What a provider asks before it sends webhooks */
        get: operations["get_webhook_environmentUuid_providerConfigKey"];
        put?: never;
        /** Where a provider sends its webhooks; the signature says who it is */
        post: operations["post_webhook_environmentUuid_providerConfigKey"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/installs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Installations that began at the provider and are unclaimed, newest first
         * @description Scope: environment:connections:list
         */
        get: operations["get_installs"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/installs/{installId}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * One unclaimed installation
         * @description Scope: environment:connections:read
         */
        get: operations["get_installs_installId"];
        put?: never;
        post?: never;
        /**
         * Dismiss an unclaimed installation; at the provider it stays as it is
         * @description Scope: environment:connections:delete
         */
        delete: operations["delete_installs_installId"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/installs/exchange": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * What the claim token is for that a person came to your claim page with
         * @description Scope: environment:connections:create
         */
        post: operations["post_installs_exchange"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/installs/{installId}/claim": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Make a connection of an unclaimed installation
         * @description Scope: environment:connections:create
         */
        post: operations["post_installs_installId_claim"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/logs/operations": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Flows, refreshes, webhooks and imports, newest first
         * @description Scope: environment:logs:read
         */
        get: operations["get_logs_operations"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/logs/operations/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * One operation with its messages
         * @description Scope: environment:logs:read
         */
        get: operations["get_logs_operations_id"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/oauth/client-metadata/{environmentUuid}/{providerConfigKey}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Metadata of an MCP integration's OAuth client */
        get: operations["get_oauth_client_metadata_environmentUuid_providerConfigKey"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/health": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Whether the process answers */
        get: operations["get_health"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/ready": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Whether requests should be sent here; 503 when not */
        get: operations["get_ready"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api-auth/api-key/{providerConfigKey}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Connect with an API key */
        post: operations["post_api_auth_api_key_providerConfigKey"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api-auth/basic/{providerConfigKey}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Connect with a user name and a password */
        post: operations["post_api_auth_basic_providerConfigKey"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/oauth2/auth/{providerConfigKey}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Connect with OAuth 2 client credentials */
        post: operations["post_oauth2_auth_providerConfigKey"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/jwt/{providerConfigKey}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Connect with a key that tokens are signed with */
        post: operations["post_auth_jwt_providerConfigKey"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/two-step/{providerConfigKey}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Connect with credentials that are exchanged for a token */
        post: operations["post_auth_two_step_providerConfigKey"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/tba/{providerConfigKey}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Connect with a token made for the integration */
        post: operations["post_auth_tba_providerConfigKey"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/signature/{providerConfigKey}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Connect with a login that signs every call */
        post: operations["post_auth_signature_providerConfigKey"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/bill/{providerConfigKey}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Connect with a login that gives a session */
        post: operations["post_auth_bill_providerConfigKey"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/aws-sigv4/{providerConfigKey}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Connect with an AWS role */
        post: operations["post_auth_aws_sigv4_providerConfigKey"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/oauth-outbound/{providerConfigKey}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Begin a connection that the provider completes */
        post: operations["post_auth_oauth_outbound_providerConfigKey"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/unauthenticated/{providerConfigKey}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Connect to an API that needs no credentials */
        post: operations["post_auth_unauthenticated_providerConfigKey"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/connect/result/{clientId}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** How a redirect flow ended; 202 while it goes on */
        get: operations["get_connect_result_clientId"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        Error: {
            error: {
                /** @description Stable; branch on this */
                code: string;
                /** @description For people; may change */
                message?: string;
                errors?: ({
                    code: string;
                    message: string;
                    path: string[];
                } & {
                    [key: string]: unknown;
                })[];
                payload?: unknown;
            } & {
                [key: string]: unknown;
            };
        } & {
            [key: string]: unknown;
        };
    };
    responses: {
        /** @description What went wrong */
        Error: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
    };
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    post_connect_sessions: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @description Who connects; may be left out when tags are given */
                    end_user?: {
                        id: string;
                        /** Format: email */
                        email?: string;
                        display_name?: string;
                        tags?: {
                            [key: string]: string;
                        };
                    };
                    organization?: {
                        id: string;
                        display_name?: string;
                    };
                    /** @description An empty list allows all */
                    allowed_integrations?: string[];
                    integrations_config_defaults?: {
                        [key: string]: {
                            user_scopes?: string;
                            authorization_params?: {
                                [key: string]: string;
                            };
                            connection_config?: {
                                oauth_scopes_override?: string;
                                /** @description Use webhook_url_override instead */
                                webhook_url?: string | "";
                            } & {
                                [key: string]: unknown;
                            };
                        };
                    };
                    overrides?: {
                        [key: string]: {
                            docs_connect?: string;
                        } & {
                            [key: string]: unknown;
                        };
                    };
                    /** @description An absolute URL that this server may call, or an empty text for none */
                    webhook_url_override?: string | "";
                    tags?: {
                        [key: string]: string;
                    };
                    /** @description How the Connect UI looks, over the environment's settings */
                    connect_ui_settings?: {
                        showWatermark?: boolean;
                        /** @enum {string} */
                        defaultTheme?: "light" | "dark" | "system";
                        theme?: {
                            light?: {
                                primary?: string;
                            };
                            dark?: {
                                primary?: string;
                            };
                            /** @description CSS pixels, 0 to 32 */
                            radius?: number;
                            /** @description Fonts of the device; none is loaded */
                            fontFamily?: string;
                        };
                        /** @description The product's name */
                        name?: string;
                        /** @description A picture of at most 32 KiB as data: URL */
                        logo?: string;
                    };
                    /**
                     * Format: uri
                     * @description Where a connect link leads afterwards. Its origin, or an address it lies below, is in the environment's return_urls; this machine's own will do in test environments
                     */
                    return_url?: string;
                    /** @description The language of the connect link, such as fr; otherwise the browser's */
                    lang?: string;
                };
            };
        };
        responses: {
            /** @description The session's token, shown once */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: {
                            token: string;
                            connect_link: string;
                            expires_at: string;
                        };
                    };
                };
            };
            default: components["responses"]["Error"];
        };
    };
    post_connect_sessions_reconnect: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    connection_id: string;
                    integration_id: string;
                    end_user?: {
                        id: string;
                        /** Format: email */
                        email?: string;
                        display_name?: string;
                        tags?: {
                            [key: string]: string;
                        };
                    };
                    organization?: {
                        id: string;
                        display_name?: string;
                    };
                    integrations_config_defaults?: {
                        [key: string]: {
                            user_scopes?: string;
                            authorization_params?: {
                                [key: string]: string;
                            };
                            connection_config?: {
                                oauth_scopes_override?: string;
                                /** @description Use webhook_url_override instead */
                                webhook_url?: string | "";
                            } & {
                                [key: string]: unknown;
                            };
                        };
                    };
                    overrides?: {
                        [key: string]: {
                            docs_connect?: string;
                        } & {
                            [key: string]: unknown;
                        };
                    };
                    /** @description An absolute URL that this server may call, or an empty text for none */
                    webhook_url_override?: string | "";
                    tags?: {
                        [key: string]: string;
                    };
                    /** @description How the Connect UI looks, over the environment's settings */
                    connect_ui_settings?: {
                        showWatermark?: boolean;
                        /** @enum {string} */
                        defaultTheme?: "light" | "dark" | "system";
                        theme?: {
                            light?: {
                                primary?: string;
                            };
                            dark?: {
                                primary?: string;
                            };
                            /** @description CSS pixels, 0 to 32 */
                            radius?: number;
                            /** @description Fonts of the device; none is loaded */
                            fontFamily?: string;
                        };
                        /** @description The product's name */
                        name?: string;
                        /** @description A picture of at most 32 KiB as data: URL */
                        logo?: string;
                    };
                    /**
                     * Format: uri
                     * @description Where a connect link leads afterwards. Its origin, or an address it lies below, is in the environment's return_urls; this machine's own will do in test environments
                     */
                    return_url?: string;
                    /** @description The language of the connect link, such as fr; otherwise the browser's */
                    lang?: string;
                };
            };
        };
        responses: {
            /** @description The session's token, shown once */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: {
                            token: string;
                            connect_link: string;
                            expires_at: string;
                        };
                    };
                };
            };
            default: components["responses"]["Error"];
        };
    };
    get_connect_session: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: {
                            endUser: unknown;
                            connectUISettings: {
                                showWatermark: boolean;
                                /** @enum {string} */
                                defaultTheme: "light" | "dark" | "system";
                                theme: {
                                    light: {
                                        primary: string;
                                    };
                                    dark: {
                                        primary: string;
                                    };
                                    radius?: number;
                                    fontFamily?: string;
                                };
                                name?: string;
                                logo?: string;
                            };
                            allowed_integrations?: string[];
                            integrations_config_defaults?: {
                                [key: string]: unknown;
                            };
                            isReconnecting?: boolean;
                            overrides?: {
                                [key: string]: unknown;
                            };
                            websocketsPath: string;
                            expires_at: string;
                            return_url?: string;
                            single_use: boolean;
                        } & {
                            [key: string]: unknown;
                        };
                    };
                };
            };
            default: components["responses"]["Error"];
        };
    };
    delete_connect_session: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The session has ended */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    post_connect_telemetry: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Noted */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    get_connections: {
        parameters: {
            query?: {
                connectionId?: string;
                /** @description Part of the connection id, or of the end user's name or e-mail */
                search?: string;
                endUserId?: string;
                endUserOrganizationId?: string;
                /** @description One key or several, separated by commas */
                integrationId?: string;
                /** @description Tags that a connection must all have */
                tags?: {
                    [key: string]: string;
                };
                limit?: number;
                /** @description Counted from 0 */
                page?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        connections: {
                            id: number;
                            connection_id: string;
                            provider_config_key: string;
                            provider: string;
                            errors: {
                                /** @enum {string} */
                                type: "auth" | "sync";
                                log_id: string;
                            }[];
                            end_user: {
                                id: string;
                                display_name: string | null;
                                email: string | null;
                                tags: {
                                    [key: string]: string;
                                } | null;
                                organization: {
                                    id: string;
                                    display_name: string | null;
                                } | null;
                            } | null;
                            tags: {
                                [key: string]: string;
                            };
                            metadata: {
                                [key: string]: unknown;
                            } | null;
                            created: string;
                        }[];
                    };
                };
            };
            default: components["responses"]["Error"];
        };
    };
    post_connections: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    provider_config_key: string;
                    connection_id?: string;
                    credentials: {
                        /** @enum {string} */
                        type: "OAUTH2";
                        access_token: string;
                        refresh_token?: string;
                        /** @description An ISO 8601 text, or milliseconds since 1970 */
                        expires_at?: string | number | null;
                        config_override?: {
                            client_id?: string;
                            client_secret?: string;
                        };
                    } | {
                        /** @enum {string} */
                        type: "OAUTH2_CC";
                        token: string;
                        client_id: string;
                        client_secret: string;
                        client_certificate?: string;
                        client_private_key?: string;
                        /** @description An ISO 8601 text, or milliseconds since 1970 */
                        expires_at?: string | number | null;
                    } | {
                        /** @enum {string} */
                        type: "OAUTH1";
                        oauth_token: string;
                        oauth_token_secret: string;
                    } | {
                        /** @enum {string} */
                        type: "API_KEY";
                        apiKey: string;
                    } | {
                        /** @enum {string} */
                        type: "BASIC";
                        username: string;
                        password: string;
                    } | {
                        /** @enum {string} */
                        type: "TBA";
                        token_id: string;
                        token_secret: string;
                        config_override?: {
                            client_id?: string;
                            client_secret?: string;
                        };
                    } | {
                        /** @enum {string} */
                        type: "APP";
                        app_id: string;
                        installation_id: string;
                    } | {
                        /** @enum {string} */
                        type: "CUSTOM";
                        app_id: string;
                        installation_id: string;
                    } | {
                        /** @enum {string} */
                        type: "NONE";
                    };
                    metadata?: {
                        [key: string]: unknown;
                    };
                    connection_config?: {
                        oauth_scopes_override?: string[];
                    } & {
                        [key: string]: unknown;
                    };
                    /** @description An absolute URL that this server may call, or an empty text for none */
                    webhook_url_override?: string | "";
                    end_user?: {
                        id: string;
                        /** Format: email */
                        email?: string;
                        display_name?: string;
                        tags?: {
                            [key: string]: string;
                        };
                    };
                    tags?: {
                        [key: string]: string;
                    };
                };
            };
        };
        responses: {
            /** @description The connection, with its credentials */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        id: number;
                        connection_id: string;
                        provider_config_key: string;
                        provider: string;
                        errors: {
                            /** @enum {string} */
                            type: "auth" | "sync";
                            log_id: string;
                        }[];
                        end_user: {
                            id: string;
                            display_name: string | null;
                            email: string | null;
                            tags: {
                                [key: string]: string;
                            } | null;
                            organization: {
                                id: string;
                                display_name: string | null;
                            } | null;
                        } | null;
                        tags: {
                            [key: string]: string;
                        };
                        metadata: {
                            [key: string]: unknown;
                        } | null;
                        connection_config: {
                            [key: string]: unknown;
                        };
                        webhook_url_override: string | null;
                        created_at: string;
                        updated_at: string;
                        last_fetched_at: string | null;
                        /** @description By type; empty when there are none or the key may not read them */
                        credentials: {
                            type?: string;
                        } & {
                            [key: string]: unknown;
                        };
                    };
                };
            };
            default: components["responses"]["Error"];
        };
    };
    post_connection: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The body, with the connection's id */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    get_connections_connectionId: {
        parameters: {
            query: {
                provider_config_key: string;
                /** @description Leave refresh tokens in the answer */
                refresh_token?: "true" | "1" | "yes" | "on" | "y" | "enabled" | "false" | "0" | "no" | "off" | "n" | "disabled";
                /** @description Refresh even a token that is still good */
                force_refresh?: "true" | "1" | "yes" | "on" | "y" | "enabled" | "false" | "0" | "no" | "off" | "n" | "disabled";
                /** @description Only for GitHub Apps: sign a new app token */
                refresh_github_app_jwt_token?: "true" | "1" | "yes" | "on" | "y" | "enabled" | "false" | "0" | "no" | "off" | "n" | "disabled";
            };
            header?: never;
            path: {
                connectionId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        id: number;
                        connection_id: string;
                        provider_config_key: string;
                        provider: string;
                        errors: {
                            /** @enum {string} */
                            type: "auth" | "sync";
                            log_id: string;
                        }[];
                        end_user: {
                            id: string;
                            display_name: string | null;
                            email: string | null;
                            tags: {
                                [key: string]: string;
                            } | null;
                            organization: {
                                id: string;
                                display_name: string | null;
                            } | null;
                        } | null;
                        tags: {
                            [key: string]: string;
                        };
                        metadata: {
                            [key: string]: unknown;
                        } | null;
                        connection_config: {
                            [key: string]: unknown;
                        };
                        webhook_url_override: string | null;
                        created_at: string;
                        updated_at: string;
                        last_fetched_at: string | null;
                        /** @description By type; empty when there are none or the key may not read them */
                        credentials: {
                            type?: string;
                        } & {
                            [key: string]: unknown;
                        };
                    };
                };
            };
            default: components["responses"]["Error"];
        };
    };
    delete_connections_connectionId: {
        parameters: {
            query: {
                provider_config_key: string;
            };
            header?: never;
            path: {
                connectionId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        success: boolean;
                    };
                };
            };
            default: components["responses"]["Error"];
        };
    };
    patch_connections_connectionId: {
        parameters: {
            query: {
                provider_config_key: string;
            };
            header?: never;
            path: {
                connectionId: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    end_user?: {
                        id: string;
                        /** Format: email */
                        email?: string;
                        display_name?: string;
                        tags?: {
                            [key: string]: string;
                        };
                    };
                    /** @description These replace the tags there are */
                    tags?: {
                        [key: string]: string;
                    };
                    /** @description An absolute URL that this server may call, or an empty text for none */
                    webhook_url_override?: string | "";
                };
            };
        };
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        success: boolean;
                    };
                };
            };
            default: components["responses"]["Error"];
        };
    };
    post_connections_metadata: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    connection_id: string | string[];
                    provider_config_key: string;
                    metadata: {
                        [key: string]: unknown;
                    };
                };
            };
        };
        responses: {
            /** @description The body, as it was sent */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        connection_id: string | string[];
                        provider_config_key: string;
                        metadata: {
                            [key: string]: unknown;
                        };
                    };
                };
            };
            default: components["responses"]["Error"];
        };
    };
    patch_connections_metadata: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    connection_id: string | string[];
                    provider_config_key: string;
                    metadata: {
                        [key: string]: unknown;
                    };
                };
            };
        };
        responses: {
            /** @description The body, as it was sent */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        connection_id: string | string[];
                        provider_config_key: string;
                        metadata: {
                            [key: string]: unknown;
                        };
                    };
                };
            };
            default: components["responses"]["Error"];
        };
    };
    post_connection_connectionId_metadata: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                connectionId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The body, as it was sent */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    patch_connection_connectionId_metadata: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                connectionId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The body, as it was sent */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    get_integrations: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: {
                            unique_key: string;
                            provider: string;
                            display_name: string;
                            logo: string;
                            credentials_label?: {
                                [key: string]: string;
                            };
                            preconfigured_credentials?: string[];
                            categories?: string[];
                            webhook_url?: string | null;
                            webhooks?: unknown;
                            installs?: {
                                accept: boolean;
                                claim_url: string | null;
                                url: string;
                            };
                            credentials?: unknown;
                            forward_webhooks: boolean;
                            created_at: string;
                            updated_at: string;
                        }[];
                    };
                };
            };
            default: components["responses"]["Error"];
        };
    };
    post_integrations: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    provider: string;
                    unique_key: string;
                    display_name?: string;
                    forward_webhooks?: boolean;
                    credentials?: {
                        /** @enum {string} */
                        type: "OAUTH1" | "OAUTH2" | "TBA";
                        client_id: string;
                        client_secret: string;
                        scopes?: "" | string;
                        webhook_secret?: string;
                    } | {
                        /** @enum {string} */
                        type: "APP";
                        app_id: string;
                        app_link: string;
                        private_key: string;
                    } | {
                        /** @enum {string} */
                        type: "CUSTOM";
                        client_id: string;
                        client_secret: string;
                        app_id: string;
                        app_link: string;
                        private_key: string;
                    } | {
                        /** @enum {string} */
                        type: "MCP_OAUTH2" | "MCP_OAUTH2_GENERIC";
                        client_id: string;
                        client_secret?: string;
                        scopes?: "" | string;
                        webhook_secret?: string;
                    };
                    integration_config?: {
                        [key: string]: string;
                    };
                    custom?: {
                        [key: string]: string;
                    };
                    proxy?: {
                        allowed_hosts?: string[];
                        calls_per_minute?: number | null;
                        calls_per_minute_per_connection?: number | null;
                    };
                };
            };
        };
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: {
                            unique_key: string;
                            provider: string;
                            display_name: string;
                            logo: string;
                            credentials_label?: {
                                [key: string]: string;
                            };
                            preconfigured_credentials?: string[];
                            categories?: string[];
                            webhook_url?: string | null;
                            webhooks?: unknown;
                            installs?: {
                                accept: boolean;
                                claim_url: string | null;
                                url: string;
                            };
                            credentials?: unknown;
                            forward_webhooks: boolean;
                            created_at: string;
                            updated_at: string;
                        };
                    };
                };
            };
            default: components["responses"]["Error"];
        };
    };
    post_integrations_quickstart: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    provider: string;
                    unique_key: string;
                    display_name?: string;
                    forward_webhooks?: boolean;
                };
            };
        };
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: {
                            unique_key: string;
                            provider: string;
                            display_name: string;
                            logo: string;
                            credentials_label?: {
                                [key: string]: string;
                            };
                            preconfigured_credentials?: string[];
                            categories?: string[];
                            webhook_url?: string | null;
                            webhooks?: unknown;
                            installs?: {
                                accept: boolean;
                                claim_url: string | null;
                                url: string;
                            };
                            credentials?: unknown;
                            forward_webhooks: boolean;
                            created_at: string;
                            updated_at: string;
                        };
                    };
                };
            };
            default: components["responses"]["Error"];
        };
    };
    get_integrations_uniqueKey: {
        parameters: {
            query?: {
                /** @description May be repeated. Credentials need their own scope */
                include?: ("webhook" | "webhook_settings" | "installs" | "credentials") | ("webhook" | "webhook_settings" | "installs" | "credentials")[];
            };
            header?: never;
            path: {
                uniqueKey: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: {
                            unique_key: string;
                            provider: string;
                            display_name: string;
                            logo: string;
                            credentials_label?: {
                                [key: string]: string;
                            };
                            preconfigured_credentials?: string[];
                            categories?: string[];
                            webhook_url?: string | null;
                            webhooks?: unknown;
                            installs?: {
                                accept: boolean;
                                claim_url: string | null;
                                url: string;
                            };
                            credentials?: unknown;
                            forward_webhooks: boolean;
                            created_at: string;
                            updated_at: string;
                        };
                    };
                };
            };
            default: components["responses"]["Error"];
        };
    };
    delete_integrations_uniqueKey: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                uniqueKey: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        success: boolean;
                    };
                };
            };
            default: components["responses"]["Error"];
        };
    };
    patch_integrations_uniqueKey: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                uniqueKey: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    unique_key?: string;
                    display_name?: string;
                    forward_webhooks?: boolean;
                    credentials?: {
                        /** @enum {string} */
                        type: "OAUTH1" | "OAUTH2" | "TBA";
                        client_id: string;
                        client_secret: string;
                        scopes?: "" | string;
                        webhook_secret?: string;
                    } | {
                        /** @enum {string} */
                        type: "APP";
                        app_id: string;
                        app_link: string;
                        private_key: string;
                    } | {
                        /** @enum {string} */
                        type: "CUSTOM";
                        client_id: string;
                        client_secret: string;
                        app_id: string;
                        app_link: string;
                        private_key: string;
                    } | {
                        /** @enum {string} */
                        type: "MCP_OAUTH2" | "MCP_OAUTH2_GENERIC";
                        client_id: string;
                        client_secret?: string;
                        scopes?: "" | string;
                        webhook_secret?: string;
                    };
                    integration_config?: {
                        [key: string]: string;
                    };
                    custom?: {
                        [key: string]: string;
                    };
                    proxy?: {
                        allowed_hosts?: string[];
                        calls_per_minute?: number | null;
                        calls_per_minute_per_connection?: number | null;
                    };
                    webhooks?: {
                        /** @description What deliveries are verified with; an empty text removes it */
                        secret?: string;
                        /** @description Take deliveries, marked, while there is no secret */
                        accept_unverified?: boolean;
                        /**
                         * @description Verify in this way; empty is the provider's own
                         * @enum {string}
                         */
                        recipe?: "" | "standard_webhooks" | "hmac_sha256" | "token";
                        /** @description For so long a handshake may bring a new secret */
                        learn_minutes?: number;
                    };
                    installs?: {
                        /** @description Hold installations that begin at the provider */
                        accept?: boolean;
                        /** @description Your page that a person is led to afterwards, with a claim_token; on the environment's list of return addresses. An empty text removes it */
                        claim_url?: string;
                    };
                };
            };
        };
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: {
                            unique_key: string;
                            provider: string;
                            display_name: string;
                            logo: string;
                            credentials_label?: {
                                [key: string]: string;
                            };
                            preconfigured_credentials?: string[];
                            categories?: string[];
                            webhook_url?: string | null;
                            webhooks?: unknown;
                            installs?: {
                                accept: boolean;
                                claim_url: string | null;
                                url: string;
                            };
                            credentials?: unknown;
                            forward_webhooks: boolean;
                            created_at: string;
                            updated_at: string;
                        };
                    };
                };
            };
            default: components["responses"]["Error"];
        };
    };
    get_integrations_uniqueKey_functions: {
        parameters: {
            query?: {
                type?: "sync" | "action" | "on-event";
                search?: string;
                page?: number;
                limit?: number;
            };
            header?: never;
            path: {
                uniqueKey: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: unknown[];
                        pagination: {
                            total: number;
                            page: number;
                            limit: number;
                        };
                    };
                };
            };
            default: components["responses"]["Error"];
        };
    };
    get_integrations_uniqueKey_functions_name: {
        parameters: {
            query?: {
                type?: "sync" | "action" | "on-event";
            };
            header?: never;
            path: {
                uniqueKey: string;
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    delete_integrations_uniqueKey_functions_name: {
        parameters: {
            query: {
                type: "sync" | "action";
            };
            header?: never;
            path: {
                uniqueKey: string;
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        success: boolean;
                    };
                };
            };
            default: components["responses"]["Error"];
        };
    };
    get_integrations_uniqueKey_functions_name_code: {
        parameters: {
            query?: {
                type?: "sync" | "action" | "on-event";
            };
            header?: never;
            path: {
                uniqueKey: string;
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    get_scripts_config: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown[];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    get_providers: {
        parameters: {
            query?: {
                /** @description A regular expression for the name, in any letter case */
                search?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: ({
                            display_name: string;
                            auth_mode: string;
                            name: string;
                            logo_url: string;
                        } & {
                            [key: string]: unknown;
                        })[];
                    };
                };
            };
            default: components["responses"]["Error"];
        };
    };
    get_providers_provider: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                provider: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: {
                            display_name: string;
                            auth_mode: string;
                            name: string;
                            logo_url: string;
                        } & {
                            [key: string]: unknown;
                        };
                    };
                };
            };
            default: components["responses"]["Error"];
        };
    };
    get_providers_provider_templates: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                provider: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: unknown[];
                    };
                };
            };
            default: components["responses"]["Error"];
        };
    };
    get_providers_json: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: unknown;
                    };
                };
            };
            default: components["responses"]["Error"];
        };
    };
    get_environment_proxy_keys: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: {
                            id: number;
                            rules: {
                                provider_config_key: string;
                                connection_id?: string;
                                calls: {
                                    methods: string[];
                                    path: string;
                                }[];
                            };
                            calls_left: number | null;
                            expires_at: string;
                            created_at: string;
                        }[];
                    };
                };
            };
            default: components["responses"]["Error"];
        };
    };
    post_environment_proxy_keys: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    provider_config_key: string;
                    connection_id?: string;
                    calls: {
                        /**
                         * @description In upper case. None is any
                         * @default []
                         */
                        methods?: string[];
                        /** @description Below the base URL. `*` is one segment, a last `**` all that follow */
                        path: string;
                    }[];
                    /** @default 3600 */
                    expires_in_s?: number;
                    /** @description How many calls it may make */
                    calls_max?: number;
                };
            };
        };
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: {
                            id: number;
                            rules: {
                                provider_config_key: string;
                                connection_id?: string;
                                calls: {
                                    methods: string[];
                                    path: string;
                                }[];
                            };
                            calls_left: number | null;
                            expires_at: string;
                            created_at: string;
                            /** @description Shown this once */
                            key: string;
                        };
                    };
                };
            };
            default: components["responses"]["Error"];
        };
    };
    delete_environment_proxy_keys_id: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        success: boolean;
                    };
                };
            };
            default: components["responses"]["Error"];
        };
    };
    get_images_template_logos_file: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                file: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    get_environment_variables: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        name: string;
                        value: string;
                    }[];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    post_environments: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    name: string;
                    is_production?: boolean;
                    /** Format: uri */
                    callback_url?: string;
                    /** @description Accepted so that existing clients work; has no effect */
                    hmac_key?: string;
                    /** @description Accepted so that existing clients work; has no effect */
                    hmac_enabled?: boolean;
                    /** @description Accepted so that existing clients work; has no effect */
                    slack_notifications?: boolean;
                    /** @description Accepted so that existing clients work; has no effect */
                    otlp_endpoint?: string | "";
                    /** @description Accepted so that existing clients work; has no effect */
                    otlp_headers?: {
                        name: string;
                        value: string;
                    }[];
                };
            };
        };
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: {
                            id: number;
                            name: string;
                        };
                    };
                };
            };
            default: components["responses"]["Error"];
        };
    };
    delete_environments_environmentId: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                environmentId: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The environment was deleted */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    post_environment_webhook_signing_key_rotate: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: {
                            webhook_signing_key: string;
                        };
                    };
                };
            };
            default: components["responses"]["Error"];
        };
    };
    post_environment_api_keys: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    environment_id: number;
                    display_name: string;
                };
            };
        };
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: {
                            id: number;
                            display_name: string;
                            scopes: string[];
                            secret: string;
                            created_at: string;
                        };
                    };
                };
            };
            default: components["responses"]["Error"];
        };
    };
    delete_environment_api_keys: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    environment_id: number;
                    key_id: number;
                };
            };
        };
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        success: boolean;
                    };
                };
            };
            default: components["responses"]["Error"];
        };
    };
    get_environment_events: {
        parameters: {
            query?: {
                /** @description The last event you have */
                after?: string;
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: {
                            id: string;
                            type: string;
                            payload: unknown;
                            created_at: string;
                        }[];
                    };
                };
            };
            default: components["responses"]["Error"];
        };
    };
    get_environment_deliveries: {
        parameters: {
            query?: {
                state?: "pending" | "delivered" | "dead";
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: {
                            id: string;
                            event_id: string;
                            url: string;
                            state: string;
                            attempts: number;
                            next_attempt_at: string | null;
                            last_status: number | null;
                            last_error: string | null;
                        }[];
                    };
                };
            };
            default: components["responses"]["Error"];
        };
    };
    post_environment_deliveries_id_replay: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        success: boolean;
                    };
                };
            };
            default: components["responses"]["Error"];
        };
    };
    get_webhook_environmentUuid_providerConfigKey: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                environmentUuid: string;
                providerConfigKey: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    post_webhook_environmentUuid_providerConfigKey: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                environmentUuid: string;
                providerConfigKey: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        status: string;
                    };
                };
            };
            default: components["responses"]["Error"];
        };
    };
    get_installs: {
        parameters: {
            query?: {
                provider_config_key?: string;
                /** @description The last one you have */
                after?: string;
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: {
                            id: string;
                            provider_config_key: string;
                            provider: string;
                            /** @enum {string} */
                            source: "webhook" | "callback";
                            /** @description Where it was installed, as the provider says */
                            account: string | null;
                            installed_by: string | null;
                            /** @description The provider's id of the installation */
                            external_id: string | null;
                            created_at: string;
                            expires_at: string;
                        }[];
                    };
                };
            };
            default: components["responses"]["Error"];
        };
    };
    get_installs_installId: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                installId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: {
                            id: string;
                            provider_config_key: string;
                            provider: string;
                            /** @enum {string} */
                            source: "webhook" | "callback";
                            /** @description Where it was installed, as the provider says */
                            account: string | null;
                            installed_by: string | null;
                            /** @description The provider's id of the installation */
                            external_id: string | null;
                            created_at: string;
                            expires_at: string;
                        };
                    };
                };
            };
            default: components["responses"]["Error"];
        };
    };
    delete_installs_installId: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                installId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        success: boolean;
                    };
                };
            };
            default: components["responses"]["Error"];
        };
    };
    post_installs_exchange: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    claim_token: string;
                };
            };
        };
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: {
                            id: string;
                            provider_config_key: string;
                            provider: string;
                            /** @enum {string} */
                            source: "webhook" | "callback";
                            /** @description Where it was installed, as the provider says */
                            account: string | null;
                            installed_by: string | null;
                            /** @description The provider's id of the installation */
                            external_id: string | null;
                            created_at: string;
                            expires_at: string;
                        };
                    };
                };
            };
            default: components["responses"]["Error"];
        };
    };
    post_installs_installId_claim: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                installId: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    connection_id?: string;
                    metadata?: {
                        [key: string]: unknown;
                    };
                    /** @description An absolute URL that this server may call, or an empty text for none */
                    webhook_url_override?: string | "";
                    end_user?: {
                        id: string;
                        /** Format: email */
                        email?: string;
                        display_name?: string;
                        tags?: {
                            [key: string]: string;
                        };
                    };
                    tags?: {
                        [key: string]: string;
                    };
                };
            };
        };
        responses: {
            /** @description The connection it became, without credentials */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        connection_id: string;
                        provider_config_key: string;
                        created: boolean;
                    };
                };
            };
            default: components["responses"]["Error"];
        };
    };
    get_logs_operations: {
        parameters: {
            query?: {
                kind?: string;
                connection_id?: string;
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: {
                            id: string;
                            kind: string;
                            action: string;
                            state: string;
                            title: string;
                            integration: string | null;
                            connection_id: string | null;
                            error: unknown;
                            created_at: string;
                            ended_at: string | null;
                        }[];
                    };
                };
            };
            default: components["responses"]["Error"];
        };
    };
    get_logs_operations_id: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: {
                            id: string;
                            kind: string;
                            action: string;
                            state: string;
                            title: string;
                            integration: string | null;
                            connection_id: string | null;
                            error: unknown;
                            created_at: string;
                            ended_at: string | null;
                            messages: {
                                level: string;
                                message: string;
                                detail: unknown;
                                created_at: string;
                            }[];
                        };
                    };
                };
            };
            default: components["responses"]["Error"];
        };
    };
    get_oauth_client_metadata_environmentUuid_providerConfigKey: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                environmentUuid: string;
                providerConfigKey: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        client_id: string;
                        client_name: string;
                        client_uri?: string;
                        logo_uri?: string;
                        redirect_uris: string[];
                        grant_types: string[];
                        response_types: string[];
                        token_endpoint_auth_method: string;
                    };
                };
            };
            default: components["responses"]["Error"];
        };
    };
    get_health: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        result: string;
                    };
                };
            };
            default: components["responses"]["Error"];
        };
    };
    get_ready: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        result: string;
                    };
                };
            };
            default: components["responses"]["Error"];
        };
    };
    post_api_auth_api_key_providerConfigKey: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                providerConfigKey: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The connection was made or repaired */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        connectionId: string;
                        providerConfigKey: string;
                        isPending?: boolean;
                    };
                };
            };
            default: components["responses"]["Error"];
        };
    };
    post_api_auth_basic_providerConfigKey: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                providerConfigKey: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The connection was made or repaired */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        connectionId: string;
                        providerConfigKey: string;
                        isPending?: boolean;
                    };
                };
            };
            default: components["responses"]["Error"];
        };
    };
    post_oauth2_auth_providerConfigKey: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                providerConfigKey: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The connection was made or repaired */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        connectionId: string;
                        providerConfigKey: string;
                        isPending?: boolean;
                    };
                };
            };
            default: components["responses"]["Error"];
        };
    };
    post_auth_jwt_providerConfigKey: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                providerConfigKey: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The connection was made or repaired */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        connectionId: string;
                        providerConfigKey: string;
                        isPending?: boolean;
                    };
                };
            };
            default: components["responses"]["Error"];
        };
    };
    post_auth_two_step_providerConfigKey: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                providerConfigKey: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The connection was made or repaired */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        connectionId: string;
                        providerConfigKey: string;
                        isPending?: boolean;
                    };
                };
            };
            default: components["responses"]["Error"];
        };
    };
    post_auth_tba_providerConfigKey: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                providerConfigKey: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The connection was made or repaired */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        connectionId: string;
                        providerConfigKey: string;
                        isPending?: boolean;
                    };
                };
            };
            default: components["responses"]["Error"];
        };
    };
    post_auth_signature_providerConfigKey: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                providerConfigKey: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The connection was made or repaired */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        connectionId: string;
                        providerConfigKey: string;
                        isPending?: boolean;
                    };
                };
            };
            default: components["responses"]["Error"];
        };
    };
    post_auth_bill_providerConfigKey: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                providerConfigKey: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The connection was made or repaired */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        connectionId: string;
                        providerConfigKey: string;
                        isPending?: boolean;
                    };
                };
            };
            default: components["responses"]["Error"];
        };
    };
    post_auth_aws_sigv4_providerConfigKey: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                providerConfigKey: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The connection was made or repaired */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        connectionId: string;
                        providerConfigKey: string;
                        isPending?: boolean;
                    };
                };
            };
            default: components["responses"]["Error"];
        };
    };
    post_auth_oauth_outbound_providerConfigKey: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                providerConfigKey: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The connection was made or repaired */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        connectionId: string;
                        providerConfigKey: string;
                        isPending?: boolean;
                    };
                };
            };
            default: components["responses"]["Error"];
        };
    };
    post_auth_unauthenticated_providerConfigKey: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                providerConfigKey: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The connection was made or repaired */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        connectionId: string;
                        providerConfigKey: string;
                        isPending?: boolean;
                    };
                };
            };
            default: components["responses"]["Error"];
        };
    };
    get_connect_result_clientId: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                clientId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The flow has ended */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
}
