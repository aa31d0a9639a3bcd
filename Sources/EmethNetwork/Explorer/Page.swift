import HTTPTypes
import Hummingbird

/// A page of the explorer: what is its own, inside the frame that all have.
struct Page: Sendable {
  /// Which entry of the navigation it belongs to.
  enum Section: Sendable { case network, batches, none }

  var context: PageContext
  var title: String
  var section: Section
  /// Where changes of what it shows are told of.
  var events: PagePath?
  var status = HTTPResponse.Status.ok
  var content: Markup

  init(
    _ context: PageContext, title: String, section: Section, events: PagePath? = nil,
    @MarkupBuilder content: () -> Markup
  ) {
    self.context = context
    self.title = title
    self.section = section
    self.events = events
    self.content = content()
  }

  /// Nothing but this server's own files, no script and no style in the page, no frame around it.
  static let contentSecurityPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    + "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

  /// As it is sent.
  var html: String { "<!doctype html>\n" + document.html + "\n" }

  var response: Response {
    var response = Response(
      status: status,
      headers: [
        .contentType: "text/html; charset=utf-8", .contentSecurityPolicy: Self.contentSecurityPolicy,
        .cacheControl: "no-cache", .vary: "Accept, Accept-Language",
        .contentLanguage: context.language.rawValue,
      ],
      body: ResponseBody(byteBuffer: ByteBuffer(string: html)))
    if let name = HTTPField.Name("Referrer-Policy") { response.headers[name] = "no-referrer" }
    return response
  }

  private var document: Markup {
    element("html", .init("lang", context.language.rawValue)) {
      element("head") {
        element("meta", .init("charset", "utf-8"))
        element("meta", .init("name", "viewport"), .init("content", "width=device-width, initial-scale=1"))
        element("meta", .init("name", "color-scheme"), .init("content", "light dark"))
        element("title") { "\(title) · EMETH" }
        element("link", .init("rel", "icon"), .init("type", "image/svg+xml"), .href(StaticFile.icon.path))
        element("link", .init("rel", "stylesheet"), .href(StaticFile.style.path))
        element("script", .init("defer"), .src(StaticFile.script.path))
      }
      element("body", .init("data-events", events.map { "\($0)" })) {
        element("a", .class("skip"), .href(context.path.at("main"))) { context[.skip] }
        header
        element("main", .id("main")) { content }
        footer
      }
    }
  }

  private var header: Markup {
    element("header") {
      element("a", .class("brand"), .href(context.to(PagePath("")))) { "EMETH" }
      element("nav", .init("aria-label", context[.navigation])) {
        entry(.network, .network, PagePath(""))
        entry(.batches, .batches, PagePath("batches"))
      }
      element("form", .class("search"), .init("role", "search"), .action(PagePath("find"))) {
        if context.namesLanguage {
          element(
            "input", .init("type", "hidden"), .init("name", "lang"), .init("value", context.language.rawValue)
          )
        }
        element(
          "input", .init("type", "search"), .init("name", "q"), .init("required"), .init("maxlength", "80"),
          .init("autocomplete", "off"), .init("spellcheck", "false"),
          .init("aria-label", context[.searchLabel]),
          .init("placeholder", context[.searchHint]))
        element("button", .init("type", "submit")) { context[.search] }
      }
      element("p", .class("languages")) {
        for language in PageLanguage.allCases where language != context.language {
          element(
            "a", .init("lang", language.rawValue), .init("hreflang", language.rawValue),
            .href(context.path.with("lang", language.rawValue))
          ) { language.name }
        }
      }
    }
  }

  private func entry(_ section: Section, _ phrase: Phrase, _ path: PagePath) -> Markup {
    element(
      "a", .href(context.to(path)), .init("aria-current", section == self.section ? "page" : nil)
    ) { context[phrase] }
  }

  private var footer: Markup {
    element("footer") {
      element("p") {
        element(
          "span", .id("live"), .init("hidden"), .init("data-on", context[.live]),
          .init("data-off", context[.notLive]))
        context[.asOf] + " "
        context.time(context.now)
      }
      element("p") { context[.footer] }
    }
  }
}
