//! The operations this client calls, as the API description names them.

macro_rules! routes {
    ($($name:ident = $route:literal;)*) => {
        $(pub(crate) const $name: Route = Route($route);)*
        /// Every operation this client has a method for, such as `GET /connections`.
        pub const ROUTES: &[&str] = &[$($route),*];
    };
}

/// Method and path template of an operation.
#[derive(Clone, Copy)]
pub(crate) struct Route(pub(crate) &'static str);

routes! {
    CREATE_SESSION = "POST /connect/sessions";
    RECONNECT_SESSION = "POST /connect/sessions/reconnect";
    LIST_CONNECTIONS = "GET /connections";
    IMPORT_CONNECTION = "POST /connections";
    IMPORT_FLAT = "POST /connection";
    READ_CONNECTION = "GET /connections/{connectionId}";
    PATCH_CONNECTION = "PATCH /connections/{connectionId}";
    DELETE_CONNECTION = "DELETE /connections/{connectionId}";
    SET_METADATA = "POST /connections/metadata";
    MERGE_METADATA = "PATCH /connections/metadata";
    SET_METADATA_OF_ONE = "POST /connection/{connectionId}/metadata";
    MERGE_METADATA_OF_ONE = "PATCH /connection/{connectionId}/metadata";
    LIST_INTEGRATIONS = "GET /integrations";
    CREATE_INTEGRATION = "POST /integrations";
    QUICKSTART = "POST /integrations/quickstart";
    READ_INTEGRATION = "GET /integrations/{uniqueKey}";
    PATCH_INTEGRATION = "PATCH /integrations/{uniqueKey}";
    DELETE_INTEGRATION = "DELETE /integrations/{uniqueKey}";
    LIST_FUNCTIONS = "GET /integrations/{uniqueKey}/functions";
    READ_FUNCTION = "GET /integrations/{uniqueKey}/functions/{name}";
    DELETE_FUNCTION = "DELETE /integrations/{uniqueKey}/functions/{name}";
    FUNCTION_CODE = "GET /integrations/{uniqueKey}/functions/{name}/code";
    SCRIPTS_CONFIG = "GET /scripts/config";
    LIST_PROVIDERS = "GET /providers";
    READ_PROVIDER = "GET /providers/{provider}";
    PROVIDER_TEMPLATES = "GET /providers/{provider}/templates";
    CATALOGUE = "GET /providers.json";
    VARIABLES = "GET /environment-variables";
    CREATE_ENVIRONMENT = "POST /environments";
    DELETE_ENVIRONMENT = "DELETE /environments/{environmentId}";
    ROTATE_SIGNING_KEY = "POST /environment/webhook-signing-key/rotate";
    CREATE_KEY = "POST /environment/api-keys";
    DELETE_KEY = "DELETE /environment/api-keys";
    LIST_INSTALLS = "GET /installs";
    READ_INSTALL = "GET /installs/{installId}";
    EXCHANGE_CLAIM_TOKEN = "POST /installs/exchange";
    CLAIM_INSTALL = "POST /installs/{installId}/claim";
    DISMISS_INSTALL = "DELETE /installs/{installId}";
    CREATE_PROXY_KEY = "POST /environment/proxy-keys";
    LIST_PROXY_KEYS = "GET /environment/proxy-keys";
    DELETE_PROXY_KEY = "DELETE /environment/proxy-keys/{id}";
    EVENTS = "GET /environment/events";
    DELIVERIES = "GET /environment/deliveries";
    REPLAY = "POST /environment/deliveries/{id}/replay";
    OPERATIONS = "GET /logs/operations";
    OPERATION = "GET /logs/operations/{id}";
    HEALTH = "GET /health";
    READY = "GET /ready";
}
