import EmethKit
import Foundation

/// The small parts that pages are made of.
extension PageContext {
  // MARK: - Values

  /// A status as a word with its colour.
  func status(_ status: JobStatus) -> Markup {
    element("span", .init("class", "status \(status.name.lowercased())")) { self[Phrase(status)] }
  }

  /// An amount in EMETH, all of its digits.
  func amount(_ amount: TokenAmount) -> Markup {
    element("span", .class("amount"), .init("title", "\(amount.holon) holon")) {
      Self.grouped(amount.emethText)
    }
  }

  /// An amount, or a dash for none.
  func amountIfAny(_ amount: TokenAmount) -> Markup { amount == .zero ? dash : self.amount(amount) }

  /// What there is nothing to say of.
  var dash: Markup { element("span", .class("none")) { "–" } }

  /// The whole part in groups of three.
  static func grouped(_ decimal: String) -> String {
    let whole = decimal.prefix { $0 != "." }
    var text = ""
    for (index, digit) in whole.enumerated() {
      if index > 0, (whole.count - index).isMultiple(of: 3) { text.append(",") }
      text.append(digit)
    }
    return text + decimal.dropFirst(whole.count)
  }

  /// An account, linked to its page.
  func account(_ address: Address) -> Markup {
    let text = "\(address)"
    return element("a", .class("id"), .href(to(PagePath("accounts", text))), .init("title", text)) {
      Self.short(text)
    }
  }

  /// A job, linked to its page.
  func job(_ id: JobID) -> Markup {
    let text = "\(id)"
    return element("a", .class("id"), .href(to(PagePath("jobs", text))), .init("title", text)) {
      Self.short(text)
    }
  }

  /// A batch, linked to its page.
  func epoch(_ epoch: UInt64) -> Markup {
    element("a", .href(to(PagePath("batches", "\(epoch)")))) { NumberText.grouped(epoch) }
  }

  /// A name that somebody outside has chosen, however long.
  func name(_ text: String) -> Markup { element("span", .class("name")) { text } }

  /// A phrase in which commands stand between backticks.
  func prose(_ phrase: Phrase) -> Markup {
    let pieces = self[phrase].split(separator: "`", omittingEmptySubsequences: false)
    return Markup(
      joining: pieces.enumerated().map { index, piece in
        index.isMultiple(of: 2) ? Markup(String(piece)) : element("code") { String(piece) }
      })
  }

  /// A hash in full, breaking where it must.
  func hash(_ text: String) -> Markup { element("code", .class("hash")) { text } }

  /// `0xBC2Af437…9d1E`.
  static func short(_ hex: String) -> String { hex.count > 16 ? "\(hex.prefix(10))…\(hex.suffix(4))" : hex }

  /// A time as ISO 8601 has it, in UTC.
  private static func text(_ seconds: UInt64) -> String {
    Date(timeIntervalSince1970: Double(min(seconds, 1 << 36))).formatted(.iso8601)
  }

  /// A time as a date, in UTC.
  func time(_ seconds: UInt64) -> Markup {
    let text = Self.text(seconds)
    return element("time", .init("datetime", text)) {
      "\(text.prefix(10)) \(text.dropFirst(11).prefix(8)) UTC"
    }
  }

  /// How long ago something was, with the time itself as a tool tip.
  func age(_ seconds: UInt64) -> Markup {
    let text = Self.text(seconds)
    return element("time", .init("datetime", text), .init("title", text)) {
      words(.ago, span(now >= seconds ? now - seconds : 0))
    }
  }

  /// A span of time in its largest unit.
  func span(_ seconds: UInt64) -> String {
    switch seconds {
    case ..<60: words(.seconds, "\(seconds)")
    case ..<3_600: words(.minutes, "\(seconds / 60)")
    case ..<86_400: words(.hours, "\(seconds / 3_600)")
    default: words(.days, NumberText.grouped(seconds / 86_400))
    }
  }

  /// The day of a slot.
  func slot(_ slot: UInt64) -> String {
    String(Self.text(min(slot, 1 << 20) * SlotRewards.slotSeconds).prefix(10))
  }

  /// A loss, or a dash.
  func loss(_ loss: Double?) -> Markup {
    guard let loss else { return dash }
    return element("span", .class("figure")) { NumberText.fixed(loss, decimals: 4) }
  }

  // MARK: - Arrangements

  /// Names with their values; `areHashes` for long ones.
  func facts(_ entries: [(Phrase, Markup)], areHashes: Bool = false) -> Markup {
    element("dl", .init("class", areHashes ? "facts hashes" : "facts")) {
      for entry in entries {
        element("div") {
          element("dt") { self[entry.0] }
          element("dd") { entry.1 }
        }
      }
    }
  }

  /// Figures to be seen at once.
  func tiles(_ entries: [(Phrase, Markup)]) -> Markup {
    element("dl", .class("tiles")) {
      for entry in entries {
        element("div") {
          element("dt") { self[entry.0] }
          element("dd") { entry.1 }
        }
      }
    }
  }

  /// A column of a table.
  struct Column {
    enum Kind { case text, number, minor, minorNumber }

    var title: Phrase
    var kind: Kind

    init(_ title: Phrase, _ kind: Kind = .text) {
      self.title = title
      self.kind = kind
    }

    fileprivate var attribute: Markup.Attribute {
      switch kind {
      case .text: Markup.Attribute("class", nil as String?)
      case .number: .class("number")
      // Left out where there is no room.
      case .minor: .class("minor")
      case .minorNumber: .class("number", "minor")
      }
    }
  }

  /// A row of a table; its first cell is its name.
  struct Row {
    var id: String?
    var cells: [Markup]
  }

  /// A table that scrolls by itself where it is too wide, also with the keys. One that `stacks` shows each row as a
  /// block where there is no room for columns; the roles say that it still is a table.
  func table(
    _ caption: String, _ columns: [Column], _ rows: [Row], ifEmpty: Phrase, stacks: Bool = true
  ) -> Markup {
    guard !rows.isEmpty else { return element("p", .class("empty")) { self[ifEmpty] } }
    return element(
      "div", .class("scroll"), .init("tabindex", "0"), .init("role", "region"), .init("aria-label", caption)
    ) {
      element("table", .init("role", "table"), .init("class", stacks ? "stacks" : nil)) {
        element("caption") { caption }
        element("thead", .init("role", "rowgroup")) {
          element("tr", .init("role", "row")) {
            for column in columns {
              element("th", .init("role", "columnheader"), .init("scope", "col"), column.attribute) {
                self[column.title]
              }
            }
          }
        }
        element("tbody", .init("role", "rowgroup")) {
          for row in rows { self.row(row, columns) }
        }
      }
    }
  }

  private func row(_ row: Row, _ columns: [Column]) -> Markup {
    element("tr", .init("role", "row"), .init("id", row.id)) {
      for (index, (cell, column)) in zip(row.cells, columns).enumerated() {
        let label = Markup.Attribute("data-label", self[column.title])
        // Where rows are blocks, what there is nothing to say of is left out.
        let isBlank = Markup.Attribute("data-blank", cell == dash)
        if index == 0 {
          element("th", .init("role", "rowheader"), .init("scope", "row"), label, column.attribute) { cell }
        } else {
          element("td", .init("role", "cell"), label, isBlank, column.attribute) { cell }
        }
      }
    }
  }

  /// A link to what comes next in a list, where there is more, and one back to its beginning.
  ///
  /// - Parameters:
  ///   - name: the member of the query that tells pages apart; `nil` is `before` or `after`.
  ///   - place: the list's id in the page.
  func pager(
    _ next: PagePath?, isFirst: Bool, by name: String? = nil, at place: String = "list",
    first firstPhrase: Phrase = .firstPage, _ nextPhrase: Phrase = .nextPage
  ) -> Markup? {
    guard next != nil || !isFirst else { return nil }
    return element("nav", .class("pager"), .init("aria-label", self[.pages])) {
      if !isFirst {
        let first = name.map { path.with($0, nil) } ?? path.with("before", nil).with("after", nil)
        element("a", .href(first.at(place))) { self[firstPhrase] }
      }
      if let next { element("a", .init("rel", "next"), .href(next.at(place))) { self[nextPhrase] } }
    }
  }

  /// How far something is.
  func progress(_ done: UInt64, of all: UInt64, label: String) -> Markup {
    element(
      "progress", .init("max", "\(max(1, all))"), .init("value", "\(min(done, all))"),
      .init("aria-label", label)
    ) {
      "\(done)/\(all)"
    }
  }
}
