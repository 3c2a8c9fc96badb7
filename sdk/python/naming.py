"""The names that ``generate.py`` gives. The document has none that fit Python: its operation ids
spell the path, and its schemas are inline. An operation for API keys that is missing here stops the
generator, so every new one gets a name that somebody chose."""

from __future__ import annotations

from typing import NamedTuple


class Name(NamedTuple):
    """What an operation is called."""

    method: str
    """The method, in a group named after the operation's tag."""
    result: str = ""
    """The type of what it answers; also what tells apart the types of its members."""
    body: str = ""
    """A body that the document does not describe: the name of the argument that holds it."""
    query: tuple[str, ...] = ()
    """Query parameters that are required and that the document does not describe."""


OPERATIONS = {
    "post_connect_sessions": Name("create", "ConnectSession"),
    "post_connect_sessions_reconnect": Name("reconnect", "ConnectSession"),
    "get_connections": Name("list", "ConnectionSummary"),
    "post_connections": Name("create", "Connection"),
    "get_connections_connectionId": Name("get", "Connection"),
    "patch_connections_connectionId": Name("update", "Success"),
    "delete_connections_connectionId": Name("delete", "Success"),
    "post_connections_metadata": Name("replace_metadata", "ConnectionMetadata"),
    "patch_connections_metadata": Name("merge_metadata", "ConnectionMetadata"),
    "post_connection": Name("create_flat", body="fields"),
    "post_connection_connectionId_metadata": Name(
        "replace_metadata_of", body="metadata", query=("provider_config_key",)
    ),
    "patch_connection_connectionId_metadata": Name(
        "merge_metadata_of", body="metadata", query=("provider_config_key",)
    ),
    "get_installs": Name("list", "Install"),
    "get_installs_installId": Name("get", "Install"),
    "post_installs_exchange": Name("exchange", "Install"),
    "post_installs_installId_claim": Name("claim", "ClaimedInstall"),
    "delete_installs_installId": Name("dismiss", "Success"),
    "get_integrations": Name("list", "Integration"),
    "post_integrations": Name("create", "Integration"),
    "post_integrations_quickstart": Name("create_quickstart", "Integration"),
    "get_integrations_uniqueKey": Name("get", "Integration"),
    "patch_integrations_uniqueKey": Name("update", "Integration"),
    "delete_integrations_uniqueKey": Name("delete", "Success"),
    "get_oauth_client_metadata_environmentUuid_providerConfigKey": Name(
        "client_metadata", "OAuthClientMetadata"
    ),
    "get_integrations_uniqueKey_functions": Name("list", "FunctionPage"),
    "get_integrations_uniqueKey_functions_name": Name("get"),
    "delete_integrations_uniqueKey_functions_name": Name("delete", "Success"),
    "get_integrations_uniqueKey_functions_name_code": Name("get_code"),
    "get_scripts_config": Name("list_all"),
    "get_providers": Name("list", "Provider"),
    "get_providers_provider": Name("get", "Provider"),
    "get_providers_provider_templates": Name("list_templates"),
    "get_providers_json": Name("catalogue", "Catalogue"),
    "get_environment_variables": Name("list_variables", "EnvironmentVariable"),
    "post_environments": Name("create", "Environment"),
    "delete_environments_environmentId": Name("delete"),
    "post_environment_webhook_signing_key_rotate": Name("rotate_signing_key", "RotatedSigningKey"),
    "post_environment_api_keys": Name("create_api_key", "NewApiKey"),
    "delete_environment_api_keys": Name("delete_api_key", "Success"),
    "post_environment_proxy_keys": Name("create_key", "NewProxyKey"),
    "get_environment_proxy_keys": Name("list_keys", "ProxyKey"),
    "delete_environment_proxy_keys_id": Name("delete_key", "Success"),
    "get_environment_events": Name("list_events", "FeedEvent"),
    "get_environment_deliveries": Name("list_deliveries", "Delivery"),
    "post_environment_deliveries_id_replay": Name("replay_delivery", "Success"),
    "get_logs_operations": Name("list_operations", "Operation"),
    "get_logs_operations_id": Name("get_operation", "OperationWithMessages"),
    "get_health": Name("health", "ServerState"),
    "get_ready": Name("ready", "ServerState"),
}

MEMBERS = {
    "errors": "ActiveError",
    "connectUISettings": "ConnectUISettings",
    "connect_ui_settings": "ConnectUISettings",
    "light": "ThemeColors",
    "dark": "ThemeColors",
    "integrations_config_defaults": "IntegrationDefaults",
    "overrides": "IntegrationOverrides",
    "messages": "OperationMessage",
    "otlp_headers": "OtlpHeader",
}
"""Types of objects by the member they are the value of; others are called like the member."""

VARIANTS = {
    "OAUTH1 OAUTH2 TBA": "OAuthApp",
    "OAUTH1": "OAuth1",
    "OAUTH2": "OAuth2",
    "OAUTH2_CC": "OAuth2ClientCredentials",
    "API_KEY": "ApiKey",
    "BASIC": "Basic",
    "TBA": "Tba",
    "APP": "App",
    "CUSTOM": "Custom",
    "NONE": "No",
    "MCP_OAUTH2 MCP_OAUTH2_GENERIC": "McpClient",
}
"""What the objects of a union are called before the union's own name, by the values of ``type``."""
