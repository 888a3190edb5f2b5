//! `/api/v1`: everything that the app, chat and the command line can do. Thin: a handler reads the request, calls one
//! use case of [`crate::ops`], and shapes the answer. The OpenAPI document is generated from here.

use crate::app::App;
use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::from_fn_with_state;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{Components, ContentBuilder, InfoBuilder, OpenApi, OpenApiBuilder, Ref, RefOr, ResponseBuilder};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

mod admin;
mod alerts;
pub(crate) mod caller;
mod case;
mod catalogue;
mod connection;
mod cover;
mod device;
mod extract;
mod foresee;
mod leave;
mod live;
mod look;
mod objects;
mod oncall;
mod passkey;
mod problem;
mod repeat;
mod run;
mod runbook;
mod saved_filter;
pub(crate) mod session;
mod setup;
mod stream;
mod timeline;

pub use problem::Problem;

/// Largest JSON body, in bytes. Setups are larger and say so themselves.
pub const MAX_BODY_BYTES: usize = 1 << 20;

const PREFIX: &str = "/api/v1";

/// A list, in pages.
#[derive(Clone, Debug, PartialEq, serde::Serialize, utoipa::ToSchema)]
pub struct List<T> {
    pub items: Vec<T>,
    /// `?cursor=` of the next page; `null` at the end.
    pub next: Option<String>,
}

impl<T> From<crate::ops::Page<T>> for List<T> {
    fn from(page: crate::ops::Page<T>) -> Self {
        Self { items: page.items, next: page.next }
    }
}

/// Which part of a list.
#[derive(Clone, Debug, Default, serde::Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageParams {
    /// Items per page, 1 to 500; 50 by default.
    pub limit: Option<u32>,
    /// `next` of the page before.
    pub cursor: Option<String>,
}

impl PageParams {
    fn cut<T>(&self, items: Vec<T>) -> Result<List<T>, Problem> {
        Ok(crate::ops::slice(items, self.limit, self.cursor.as_deref())?.into())
    }
}

fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(head())
        .routes(routes!(alerts::list, alerts::send))
        .routes(routes!(alerts::show))
        .routes(routes!(alerts::bulk))
        .routes(routes!(alerts::unacknowledge))
        .routes(routes!(alerts::reassign))
        .routes(routes!(alerts::pull_in))
        .routes(routes!(alerts::similar))
        .routes(routes!(alerts::received))
        .routes(routes!(alerts::acknowledge))
        .routes(routes!(alerts::resolve))
        .routes(routes!(alerts::escalate))
        .routes(routes!(alerts::snooze))
        .routes(routes!(alerts::note))
        .routes(routes!(alerts::page))
        .routes(routes!(alerts::help))
        .routes(routes!(saved_filter::list))
        .routes(routes!(saved_filter::put, saved_filter::remove))
        .routes(routes!(stream::events))
        .routes(routes!(look::board))
        .routes(routes!(look::calendar))
        .routes(routes!(look::report))
        .routes(routes!(look::hidden))
        .routes(routes!(look::settings))
        .routes(routes!(oncall::on_call))
        .routes(routes!(oncall::schedules))
        .routes(routes!(oncall::shifts))
        .routes(routes!(timeline::show))
        .routes(routes!(timeline::preview))
        .routes(routes!(timeline::take_over))
        .routes(routes!(timeline::own_shifts))
        .routes(routes!(live::overrides, live::add_override))
        .routes(routes!(live::end_override))
        .routes(routes!(leave::list, leave::add))
        .routes(routes!(leave::end))
        .routes(routes!(cover::list, cover::ask))
        .routes(routes!(cover::cancel))
        .routes(routes!(cover::accept))
        .routes(routes!(cover::decline))
        .routes(routes!(runbook::runbooks))
        .routes(routes!(runbook::check))
        .routes(routes!(runbook::runbook))
        .routes(routes!(runbook::runbook_file))
        .routes(routes!(runbook::dry_run))
        .routes(routes!(runbook::actions))
        .routes(routes!(runbook::institutions))
        .routes(routes!(runbook::failures))
        .routes(routes!(run::list, run::start))
        .routes(routes!(run::show))
        .routes(routes!(run::log))
        .routes(routes!(run::answer))
        .routes(routes!(run::confirm))
        .routes(routes!(run::choose))
        .routes(routes!(run::decline))
        .routes(routes!(run::skip))
        .routes(routes!(run::retry))
        .routes(routes!(run::cancel))
        .routes(routes!(run::evidence))
        .routes(routes!(case::vendors))
        .routes(routes!(case::list, case::open))
        .routes(routes!(case::show))
        .routes(routes!(case::chase))
        .routes(routes!(case::close))
        .routes(routes!(case::number))
        .routes(routes!(live::silences, live::add_silence))
        .routes(routes!(live::end_silence))
        .routes(routes!(live::maintenance, live::add_maintenance))
        .routes(routes!(live::end_maintenance))
        .routes(routes!(session::show, session::sign_out))
        .routes(routes!(session::sessions))
        .routes(routes!(session::end_session))
        .routes(routes!(session::change_password))
        .routes(routes!(session::own_tokens, session::create_own_token))
        .routes(routes!(session::revoke_own_token))
        .routes(routes!(passkey::list, passkey::register))
        .routes(routes!(passkey::challenge))
        .routes(routes!(passkey::remove))
        .routes(routes!(session::invite))
        .routes(routes!(session::role, session::give_role))
        .routes(routes!(device::key))
        .routes(routes!(device::list, device::register))
        .routes(routes!(device::remove))
        .routes(routes!(device::test))
        .routes(routes!(device::confirm))
        .routes(routes!(device::readiness))
        .routes(routes!(catalogue::services, session::add_service))
        .routes(routes!(catalogue::service))
        .routes(routes!(catalogue::deploys))
        .routes(routes!(catalogue::teams))
        .routes(routes!(catalogue::users))
        .routes(routes!(catalogue::policies))
        .routes(routes!(catalogue::policy))
        .routes(routes!(catalogue::heartbeats))
        .routes(routes!(connection::list))
        .routes(routes!(connection::check))
        .routes(routes!(setup::head, setup::apply))
        .routes(routes!(objects::list))
        .routes(routes!(objects::put, objects::remove))
        .routes(routes!(objects::propose))
        .routes(routes!(objects::integrations))
        .routes(routes!(objects::add_integration))
        .routes(routes!(objects::rotate))
        .routes(routes!(objects::payloads))
        .routes(routes!(setup::files))
        .routes(routes!(setup::check))
        .routes(routes!(setup::schema))
        .routes(routes!(foresee::simulate))
        .routes(routes!(foresee::prove))
        .routes(routes!(admin::tokens, admin::create_token))
        .routes(routes!(admin::revoke_token))
        .routes(routes!(admin::audit))
        .routes(routes!(admin::verify))
        .routes(routes!(admin::doctor))
        .routes(routes!(admin::backup))
}

/// What one may ask without being signed in.
fn open_routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(session::welcome))
        .routes(routes!(session::sign_in))
        .routes(routes!(passkey::sign_in_challenge))
        .routes(routes!(passkey::sign_in))
}

fn head() -> OpenApi {
    let mut components = Components::new();
    components.add_security_scheme("token", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    let description = "Errors are `application/problem+json`. Lists come in pages: `?limit=` and `?cursor=`. A POST may carry an \
        `Idempotency-Key`: the same key with the same request gets the same answer and does nothing twice. \
        `Firedog-As: USER` lets an administrator act for somebody.";
    OpenApiBuilder::new()
        .info(InfoBuilder::new().title("Firedog").version("1").description(Some(description)).build())
        .components(Some(components))
        .security(Some([SecurityRequirement::new("token", Vec::<String>::new())]))
        .build()
}

/// The OpenAPI document, with the paths as clients call them and a problem as every operation's other answer.
pub fn openapi() -> OpenApi {
    let (_, inner) = routes().merge(open_routes()).split_for_parts();
    let mut document = inner.clone();
    document.paths = utoipa::openapi::Paths::new();
    let problem = RefOr::Ref(Ref::from_schema_name("Problem"));
    let content = ContentBuilder::new().schema(Some(problem)).build();
    let response = ResponseBuilder::new().description("What went wrong, whether anybody was paged, and what to do next");
    let response = response.content("application/problem+json", content).build();
    for (path, mut item) in inner.paths.paths {
        let operations = [&mut item.get, &mut item.post, &mut item.put, &mut item.delete, &mut item.patch];
        for operation in operations.into_iter().flatten() {
            operation.responses.responses.insert("default".to_owned(), RefOr::T(response.clone()));
        }
        document.paths.paths.insert(format!("{PREFIX}{path}"), item);
    }
    let components = document.components.get_or_insert_with(Components::new);
    let mut schemas = Vec::new();
    <Problem as utoipa::ToSchema>::schemas(&mut schemas);
    components.schemas.extend(schemas);
    components.schemas.insert("Problem".to_owned(), <Problem as utoipa::PartialSchema>::schema());
    document
}

/// The document as it is served and committed.
pub fn openapi_json() -> String {
    openapi().to_pretty_json().expect("the document is made of strings and maps")
}

pub fn router(app: &App) -> Router<App> {
    let (inner, _) = routes().split_for_parts();
    let inner = inner
        .layer(from_fn_with_state(app.clone(), repeat::answer_once))
        .layer(from_fn_with_state(app.clone(), caller::authenticate))
        .merge(open_routes().split_for_parts().0)
        .route("/openapi.json", get(document))
        .fallback(unknown);
    Router::new().nest(PREFIX, inner).route("/openapi.json", get(document)).route("/api", get(page)).route("/api/", get(page))
}

async fn document() -> Response {
    ([("content-type", "application/json")], openapi_json()).into_response()
}

async fn unknown(State(_): State<App>, request: Request) -> Problem {
    Problem::new(404, "There is nothing here")
        .detail(format!("no such path, or not with {}", request.method()))
        .next("GET /api lists what there is")
}

/// For people: what there is.
async fn page() -> Html<String> {
    let document = openapi();
    let mut rows = String::new();
    for (path, item) in &document.paths.paths {
        let operations = [("GET", &item.get), ("POST", &item.post), ("PUT", &item.put), ("DELETE", &item.delete)];
        for (method, operation) in operations {
            let Some(operation) = operation else { continue };
            let summary = operation.summary.as_deref().unwrap_or_default();
            let text = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;");
            rows.push_str(&format!("<tr><td>{method}</td><td><code>{}</code></td><td>{}</td></tr>\n", text(path), text(summary)));
        }
    }
    Html(crate::page::plain(
        "The API of Firedog",
        &format!("<p>The document for programs is <a href=\"/api/v1/openapi.json\">openapi.json</a>.</p>\n<table>{rows}</table>"),
    ))
}
