//! What an endpoint is. The list of endpoints drives the router, the test that walks every route,
//! and the OpenAPI document, so the three cannot disagree.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::response::Response;
use http::{Method, StatusCode};
use valetkey_base::ScopeSet;

use crate::auth_header::Credential;
use crate::call::Call;
use crate::error::{ApiError, ApiResult, Part};
use crate::middleware::client_address::ClientAddress;
use crate::schema::{self, Field, Schema};

/// The application behind the transport: who a credential belongs to, and what handlers use.
pub trait Host: Clone + Send + Sync + 'static {
    /// Who calls.
    type Caller: Principal;

    /// Looks a well-formed credential up, which `client` uses.
    ///
    /// # Errors
    /// 401 as [`crate::auth_header::Refusal`] has it when nothing matches.
    fn authenticate(
        &self,
        credential: Credential,
        client: Option<ClientAddress>,
    ) -> impl Future<Output = ApiResult<Self::Caller>> + Send;
}

/// What the transport must know of a caller.
pub trait Principal: Send + Sync + 'static {
    /// The account whose requests are counted together.
    fn account_id(&self) -> i64;
    /// What the caller may do.
    fn scopes(&self) -> &ScopeSet;
    /// Whether the caller belongs to one environment; account keys do not.
    fn has_environment(&self) -> bool;
}

/// Who may call an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Auth {
    /// An environment's API key with one of the scopes; an empty list asks for none.
    ApiKey(&'static [&'static str]),
    /// The same, or a connect session, which has the scope `environment:integrations:list`.
    ApiKeyOrSession(&'static [&'static str]),
    /// A connect session.
    Session,
    /// An API key of the account with the scope.
    AccountKey(&'static str),
    /// A connect session in the query parameter `connect_session_token`: pages and SDK in browsers.
    BrowserSession,
    /// Everyone.
    None,
}

/// How the body is read.
#[derive(Clone)]
pub enum BodyRule {
    /// Parsed if it is JSON, but not looked at.
    Ignored,
    /// JSON that fits a schema.
    Json(Schema),
    /// JSON without a schema, as the older endpoints take it.
    AnyJson,
    /// Bytes, whatever the content type.
    Bytes,
    /// Handed to the handler unread.
    Stream,
}

/// How the query string is read.
#[derive(Clone)]
pub enum QueryRule {
    /// It fits a schema.
    Checked(Schema),
    /// Parsed, but unknown parameters are allowed.
    Unchecked,
    /// Not looked at.
    Raw,
}

type Answer = Pin<Box<dyn Future<Output = ApiResult<Response>> + Send>>;
type Handler<H> = Arc<dyn Fn(Call<H>) -> Answer + Send + Sync>;

/// One operation of the API.
#[derive(Clone)]
pub struct Endpoint<H: Host> {
    /// `None` answers every method.
    pub method: Option<Method>,
    /// The path; parameters in braces.
    pub path: &'static str,
    /// Older paths of the same operation.
    pub aliases: Vec<&'static str>,
    /// Who may call it.
    pub auth: Auth,
    /// Checks of the path parameters; those not named take any text.
    pub parameters: Vec<Field>,
    /// Check of the query string.
    pub query: QueryRule,
    /// Check of the body.
    pub body: BodyRule,
    /// Most bytes of the body; `None` is the server's limit.
    pub body_bytes_max: Option<usize>,
    /// The order of the checks: the first part that fails is reported, with all its issues.
    pub order: [Part; 3],
    /// Status and meaning of success.
    pub success: (StatusCode, &'static str),
    /// What success returns, for the OpenAPI document.
    pub returns: Option<Schema>,
    /// One line for the OpenAPI document.
    pub summary: &'static str,
    /// The group in the OpenAPI document; `None` leaves the operation out.
    pub tag: Option<&'static str>,
    /// Whether clients should use something else.
    pub deprecated: bool,
    pub(crate) handler: Handler<H>,
}

impl<H: Host> Endpoint<H> {
    /// An operation that takes no query, ignores its body, and answers 200.
    pub fn new<F>(
        method: Method,
        path: &'static str,
        auth: Auth,
        handler: impl Fn(Call<H>) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = ApiResult<Response>> + Send + 'static,
    {
        Self {
            method: Some(method),
            path,
            aliases: Vec::new(),
            auth,
            parameters: Vec::new(),
            query: QueryRule::Checked(schema::nothing()),
            body: BodyRule::Ignored,
            body_bytes_max: None,
            order: [Part::Query, Part::Body, Part::Path],
            success: (StatusCode::OK, "Success"),
            returns: None,
            summary: "",
            tag: None,
            deprecated: false,
            handler: Arc::new(move |call| Box::pin(handler(call))),
        }
    }

    /// Answers every method.
    pub fn any_method(mut self) -> Self {
        self.method = None;
        self
    }

    /// Also answers at an older path.
    pub fn alias(mut self, path: &'static str) -> Self {
        self.aliases.push(path);
        self
    }

    /// Checks a path parameter.
    pub fn parameter(mut self, name: &'static str, schema: Schema) -> Self {
        self.parameters.push(schema::field(name, schema));
        self
    }

    /// Takes these query parameters and no others.
    pub fn query(mut self, fields: Vec<Field>) -> Self {
        self.query = QueryRule::Checked(schema::object(fields));
        self
    }

    /// Takes any query parameters.
    pub fn any_query(mut self) -> Self {
        self.query = QueryRule::Unchecked;
        self
    }

    /// Leaves the query as it is.
    pub fn raw_query(mut self) -> Self {
        self.query = QueryRule::Raw;
        self
    }

    /// Takes a JSON body.
    pub fn body(mut self, schema: Schema) -> Self {
        self.body = BodyRule::Json(schema);
        self
    }

    /// Reads the body in another way.
    pub fn body_rule(mut self, rule: BodyRule) -> Self {
        self.body = rule;
        self
    }

    /// Allows a body of at most this many bytes, if the server's limit is not lower.
    pub fn body_bytes_max(mut self, bytes: usize) -> Self {
        self.body_bytes_max = Some(bytes);
        self
    }

    /// Checks the parts in this order.
    pub fn order(mut self, order: [Part; 3]) -> Self {
        self.order = order;
        self
    }

    /// Says what success looks like.
    pub fn answers(mut self, status: StatusCode, meaning: &'static str) -> Self {
        self.success = (status, meaning);
        self
    }

    /// Describes the body of success.
    pub fn returns(mut self, schema: Schema) -> Self {
        self.returns = Some(schema);
        self
    }

    /// Places the operation in the OpenAPI document.
    pub fn documented(mut self, tag: &'static str, summary: &'static str) -> Self {
        self.tag = Some(tag);
        self.summary = summary;
        self
    }

    /// Marks the operation as one to move away from.
    pub fn deprecated(mut self) -> Self {
        self.deprecated = true;
        self
    }
}

impl Auth {
    /// Checks what a known caller may do here.
    ///
    /// # Errors
    /// 403 `forbidden`, naming the scopes that would do.
    pub(crate) fn permit(self, caller: &impl Principal) -> Result<(), ApiError> {
        match self {
            Auth::None | Auth::Session | Auth::BrowserSession => Ok(()),
            Auth::AccountKey(_) if caller.has_environment() => {
                Err(ApiError::forbidden("This needs an API key of the account"))
            }
            Auth::AccountKey(scope) => granted(caller, &[scope]),
            Auth::ApiKey(_) | Auth::ApiKeyOrSession(_) if !caller.has_environment() => {
                Err(ApiError::forbidden("This needs an API key of one environment"))
            }
            Auth::ApiKey(scopes) | Auth::ApiKeyOrSession(scopes) => granted(caller, scopes),
        }
    }
}

fn granted(caller: &impl Principal, scopes: &[&str]) -> Result<(), ApiError> {
    if scopes.is_empty() || caller.scopes().grants_any(scopes) {
        return Ok(());
    }
    let list = scopes.join(" or ");
    Err(ApiError::forbidden(format!("The API key needs the scope {list}")))
}
