//! The routing table, and what every handler shares.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::header::RETRY_AFTER;
use http::{HeaderName, HeaderValue, Method, StatusCode, Uri};
use tidegate_base::{Fault, Shutdown, Tasks};
use tidegate_engine::{Catalog, Engine};
use tidegate_telemetry::Telemetry;
use tokio::sync::Semaphore;
use tower_http::cors::{AllowHeaders, AllowMethods, AllowOrigin, CorsLayer};

use crate::body::Budget;
use crate::config::Config;
use crate::near::near;
use crate::observe::{Record, observe};
use crate::readiness::{Readiness, State as Ready};
use crate::reply::openai::Failure;
use crate::{auth, health, openai};

/// What every handler shares. Cloning it is cheap.
#[derive(Clone)]
pub struct Gateway(Arc<Shared>);

struct Shared {
    config: Config,
    catalog: Arc<dyn Catalog>,
    readiness: Readiness,
    telemetry: Telemetry,
    slots: Arc<Semaphore>,
    bodies: Budget,
    tasks: Tasks,
    cut: Shutdown,
}

impl Gateway {
    /// A gateway that is not listening yet. Its metrics are added to `telemetry`.
    pub fn new(
        config: Config,
        catalog: Arc<dyn Catalog>,
        readiness: Readiness,
        telemetry: Telemetry,
    ) -> Self {
        let engines = health::EngineCollector(Arc::clone(&catalog));
        telemetry.register(|registry| registry.register_collector(Box::new(engines)));
        Self(Arc::new(Shared {
            bodies: Budget::new(config.limits.body_memory),
            slots: Arc::new(Semaphore::new(config.limits.requests)),
            config,
            catalog,
            readiness,
            telemetry,
            tasks: Tasks::new(),
            cut: Shutdown::new(),
        }))
    }

    pub(crate) fn config(&self) -> &Config {
        &self.0.config
    }

    pub(crate) fn catalog(&self) -> &dyn Catalog {
        &*self.0.catalog
    }

    pub(crate) fn readiness(&self) -> &Readiness {
        &self.0.readiness
    }

    pub(crate) fn telemetry(&self) -> &Telemetry {
        &self.0.telemetry
    }

    /// Memory for request bodies.
    pub(crate) fn bodies(&self) -> &Budget {
        &self.0.bodies
    }

    /// Connections, and tasks that belong to one.
    pub(crate) fn tasks(&self) -> &Tasks {
        &self.0.tasks
    }

    /// Triggered when open requests have to end now.
    pub(crate) fn cut(&self) -> &Shutdown {
        &self.0.cut
    }

    /// The engine behind a model name, or an error that helps.
    pub(crate) fn engine(&self, name: &str) -> Result<Arc<dyn Engine>, Fault> {
        if let Some(engine) = self.0.catalog.resolve(name) {
            return Ok(engine);
        }
        let state = self.0.readiness.state();
        if matches!(state, Ready::Loading { .. }) {
            return Err(Fault::unavailable(state.to_string()));
        }
        let shown: String = name.chars().take(100).collect();
        let cards = self.0.catalog.list();
        let names = near(name, cards.iter().map(|card| card.name.as_str()));
        let hint = match (names.as_slice(), cards.as_slice()) {
            ([], []) => "This server has no models.".to_owned(),
            ([], _) => "`GET /v1/models` lists the models of this server.".to_owned(),
            (names, _) => format!("Names that look alike: `{}`.", names.join("`, `")),
        };
        Err(Fault::not_found(format!("the model `{shown}` does not exist"))
            .with_param("model")
            .with_code("model_not_found")
            .with_hint(hint))
    }
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway")
            .field("config", &self.0.config)
            .finish_non_exhaustive()
    }
}

/// Every route of the gateway and those of `mounted`. Identity and limits guard `/v1` and `mounted`,
/// not the probes.
pub fn routes(gateway: &Gateway, mounted: Router) -> Router {
    let guarded = Router::new()
        .route("/v1/chat/completions", post(openai::chat::handle))
        .route("/v1/completions", post(openai::completions::handle))
        .route("/v1/embeddings", post(openai::embeddings::handle))
        .route("/v1/models", get(openai::models::list))
        .route("/v1/models/{*id}", get(openai::models::one))
        .with_state(gateway.clone())
        .merge(mounted)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn_with_state(gateway.clone(), guard));
    let mut router = Router::new()
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(health::metrics))
        .method_not_allowed_fallback(wrong_method)
        .with_state(gateway.clone())
        .merge(guarded)
        .fallback(no_such_path)
        .layer(DefaultBodyLimit::disable());
    if let Some(cors) = cors(&gateway.config().cors_origins) {
        router = router.layer(cors);
    }
    router.layer(from_fn_with_state(gateway.clone(), observe))
}

/// Identity first, then a place among the open requests.
async fn guard(State(gateway): State<Gateway>, request: Request, next: Next) -> Response {
    if let Err(fault) = auth::check(gateway.config().api_key.as_ref(), request.headers()) {
        return Failure(fault).into_response();
    }
    let Ok(permit) = Arc::clone(&gateway.0.slots).try_acquire_owned() else {
        let most = gateway.config().limits.requests;
        let text = format!("the server is busy with {most} requests, which is its limit");
        return Failure(Fault::overloaded(text, Duration::from_secs(1))).into_response();
    };
    if let Some(record) = request.extensions().get::<Arc<Record>>() {
        record.hold(permit);
    }
    next.run(request).await
}

async fn no_such_path(method: Method, uri: Uri) -> Failure {
    let path: String = uri.path().chars().take(200).collect();
    Failure(
        Fault::not_found(format!("there is no `{method} {path}` on this server")).with_code("unknown_url"),
    )
}

async fn wrong_method(method: Method, uri: Uri) -> Response {
    let fault =
        Fault::invalid(format!("`{}` does not take `{method}`", uri.path())).with_code("method_not_allowed");
    let mut response = Failure(fault).into_response();
    *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    response
}

/// Lets the pages of these origins call; none where there are no origins.
fn cors(origins: &[String]) -> Option<CorsLayer> {
    if origins.is_empty() {
        return None;
    }
    let allowed = if origins.iter().any(|origin| origin == "*") {
        AllowOrigin::any()
    } else {
        AllowOrigin::list(
            origins
                .iter()
                .filter_map(|origin| HeaderValue::from_str(origin).ok()),
        )
    };
    Some(
        CorsLayer::new()
            .allow_origin(allowed)
            .allow_methods(AllowMethods::list([Method::GET, Method::POST]))
            // Browsers do not count `Authorization` under `*`; the clients add headers of their own.
            .allow_headers(AllowHeaders::mirror_request())
            .expose_headers([HeaderName::from_static("x-request-id"), RETRY_AFTER])
            .max_age(Duration::from_secs(600)),
    )
}
