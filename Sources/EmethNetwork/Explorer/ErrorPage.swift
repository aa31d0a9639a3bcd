import HTTPTypes

/// A page in the place of what could not be shown.
struct ErrorPage {
  let context: PageContext
  let failure: RequestFailure

  var page: Page {
    var page = Page(context, title: context[title], section: .none) {
      element("h1") { context[title] }
      element("p", .class("lead")) { context[explanation] }
      element("p", .class("words"), .init("lang", "en")) { failure.message }
      element("p") { element("a", .href(context.to(PagePath("")))) { context[.backToNetwork] } }
    }
    page.status = failure.status
    return page
  }

  private var title: Phrase {
    switch failure.status.code {
    case 404: .notFoundTitle
    case 429: .tooManyTitle
    case 500...: .failedTitle
    default: .badRequestTitle
    }
  }

  private var explanation: Phrase {
    switch failure.status.code {
    case 404: .notFoundText
    case 429: .tooManyText
    case 500...: .failedText
    default: .badRequestText
    }
  }
}
