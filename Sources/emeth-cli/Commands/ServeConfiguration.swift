import EmethKit
import EmethNetwork
import Foundation

/// What `emeth serve` is told: by flags, then by the environment, then by the file of `--config`.
struct ServeConfiguration: Decodable {
  var listen: String?
  var data: String?
  /// The URL of a PostgreSQL database.
  var database: String?
  /// A time span such as `60s`.
  var interval: String?
  var audience: [String]?
  /// Amounts by address.
  var grants: [String: String]?
  var tlsCertificate: String?
  var tlsKey: String?
  var threads: Int?
  /// `s3://…`; objects lie in the folder without it.
  var storage: String?
  /// Days, or `forever`.
  var keepResults: String?

  private static let known = [
    "listen", "data", "database", "interval", "audience", "grants", "tlsCertificate", "tlsKey", "threads",
    "storage", "keepResults",
  ]

  /// Reads a file; nothing is set without one. A member that is not known is most likely mistyped, and refused.
  static func read(_ path: String?) throws -> ServeConfiguration {
    guard let path else { return ServeConfiguration() }
    let data = Data(try InputFile(path).bytes(limit: 1 << 20))
    let members: [String]
    let configuration: ServeConfiguration
    do {
      members = try JSONDecoder().decode([String: Ignored].self, from: data).keys.sorted()
      configuration = try JSONDecoder().decode(Self.self, from: data)
    } catch {
      throw CommandFailure(
        .badInput, code: "config.malformed", "\(path): found no JSON object of settings: \(error)",
        hint: "members are \(known.joined(separator: ", "))")
    }
    if let other = members.first(where: { !known.contains($0) }) {
      throw CommandFailure(
        .badInput, code: "config.unknown", "\(path): found the member \"\(PlainText.visible(other))\"",
        hint: "members are \(known.joined(separator: ", "))", details: ["found": other])
    }
    return configuration
  }

  /// The network's folder.
  func folder(_ parsed: ParsedCommand, _ context: CommandContext) throws -> URL {
    guard let path = parsed[ServeArguments.data] ?? context.environment["EMETH_DATA"] ?? data, !path.isEmpty
    else {
      throw CommandFailure(
        .usage, code: "data.missing", "serve: no folder is named",
        hint: "give --data FOLDER or set EMETH_DATA")
    }
    return URL(filePath: path)
  }

  /// Where jobs and money are; `nil` is SQLite in the folder.
  func database(_ parsed: ParsedCommand, _ context: CommandContext) throws -> DatabaseLocation? {
    let sources: [(name: String, text: String?, exitCode: ExitCode)] = [
      ("--database", parsed[ServeArguments.database], .usage),
      ("EMETH_DATABASE", context.environment["EMETH_DATABASE"], .usage),
      ("--config", database, .badInput),
    ]
    guard let source = sources.first(where: { $0.text != nil }), let text = source.text,
      !text.isEmpty
    else {
      return nil
    }
    do throws(NetworkError) {
      return .postgres(try PostgresAddress(text))
    } catch {
      // Without what was found: it may hold a password.
      throw CommandFailure(
        source.exitCode, code: error.code, "\(source.name), \(error.message)", hint: nil)
    }
  }

  /// How the network works.
  func service(_ parsed: ParsedCommand, _ context: CommandContext) throws -> ServiceSettings {
    var settings = ServiceSettings()
    if let span = try parsed[ServeArguments.interval]
      ?? interval.map({ try value($0, .interval, "interval") })
    {
      settings.epochMilliseconds = UInt32(span / .milliseconds(1))
    }
    for (address, amount) in grants ?? [:] {
      let grant = try value("\(address)=\(amount)", .grant, "grants")
      settings.grants[grant.account] = grant.amount
    }
    for grant in parsed[ServeArguments.grant] { settings.grants[grant.account] = grant.amount }
    if let threads = parsed[ServeArguments.threads] ?? threads { settings.threads = threads }
    if let kept = try parsed[ServeArguments.keepResults]
      ?? keepResults.map({ try value($0, .resultRetention, "keepResults") })
    {
      settings.resultSeconds = kept.seconds
    }
    if let text = parsed[ServeArguments.storage] ?? context.environment["EMETH_STORAGE"] ?? storage,
      !text.isEmpty
    {
      settings.storage = try address(of: text)
    }
    return settings
  }

  /// The bucket that a URL names.
  private func address(of text: String) throws -> S3Address {
    do throws(NetworkError) {
      return try S3Address(text)
    } catch {
      throw CommandFailure(.usage, code: error.code, error.message)
    }
  }

  /// How it listens.
  func server(_ parsed: ParsedCommand, _ context: CommandContext) throws -> ServerSettings {
    let address =
      parsed[ServeArguments.listen] ?? context.environment["EMETH_LISTEN"] ?? listen ?? "127.0.0.1:7443"
    var settings: ServerSettings
    do throws(NetworkError) {
      settings = try ServerSettings(listen: address)
    } catch {
      throw CommandFailure(.usage, code: error.code, error.message, details: ["found": address])
    }
    settings.audiences = parsed[ServeArguments.audience] + (audience ?? [])
    switch (
      parsed[ServeArguments.certificate] ?? tlsCertificate, parsed[ServeArguments.tlsKey] ?? tlsKey
    ) {
    case (nil, nil): break
    case (let chain?, let key?):
      settings.certificate = ServerSettings.Certificate(chain: URL(filePath: chain), key: URL(filePath: key))
    default:
      throw UsageError.contradiction(
        rule: "--tls-certificate and --tls-key belong together", command: parsed.definition.name)
    }
    return settings
  }

  private func value<Value>(_ text: String, _ type: ValueType<Value>, _ name: String) throws -> Value {
    do throws(ValueRefusal) {
      return try type.parse(text)
    } catch {
      throw CommandFailure(
        .badInput, code: "config.value", "--config, \(name): found \"\(text)\", allowed \(error.allowed)",
        details: ["found": text])
    }
  }

  /// Any JSON value.
  private struct Ignored: Decodable {
    init(from decoder: any Decoder) throws {}
  }
}

/// Money for an account.
struct Grant: Sendable, Hashable {
  var account: Address
  var amount: TokenAmount
}

extension ValueType where Value == Grant {
  /// `ADDRESS=AMOUNT`.
  static var grant: Self {
    let allowed = "ADDRESS=AMOUNT, such as 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed=100emeth"
    return Self(name: "ADDRESS=AMOUNT", allowed: allowed) { text throws(ValueRefusal) in
      let parts = text.split(separator: "=", omittingEmptySubsequences: false).map(String.init)
      guard parts.count == 2, let account = try? Address(parts[0]) else {
        throw ValueRefusal(allowed: allowed)
      }
      return Grant(account: account, amount: try ValueType<TokenAmount>.tokenAmount.parse(parts[1]))
    }
  }
}

/// How long results are kept.
struct ResultRetention: Sendable, Hashable {
  /// `nil` is for ever.
  var seconds: UInt64?
}

extension ValueType where Value == ResultRetention {
  /// A number of days, or `forever`.
  static var resultRetention: Self {
    let allowed = "a number of days from 1 to 36500, or forever"
    return Self(name: "DAYS", allowed: allowed) { text throws(ValueRefusal) in
      if text == "forever" { return ResultRetention(seconds: nil) }
      guard !text.isEmpty, text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
      else { throw ValueRefusal(allowed: allowed) }
      guard let days = UInt64(text), (1...36_500).contains(days) else {
        throw ValueRefusal(allowed: allowed, isOutOfRange: true)
      }
      return ResultRetention(seconds: days * 86_400)
    }
  }
}

extension ValueType where Value == Duration {
  /// A short time span: an integer with ms, s, m or h behind it, at most a day.
  static var interval: Self {
    let allowed = "a time span such as 500ms, 10s, 5m or 1h, at most 24h"
    return Self(name: "SPAN", allowed: allowed) { text throws(ValueRefusal) in
      let digits = text.prefix { $0.isASCII && $0.isNumber }
      let units: [Substring: Int] = ["ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000]
      guard let unit = units[text.dropFirst(digits.count)], let count = Int(digits), count > 0 else {
        throw ValueRefusal(allowed: allowed)
      }
      guard count <= 86_400_000 / unit else { throw ValueRefusal(allowed: allowed, isOutOfRange: true) }
      return .milliseconds(count * unit)
    }
  }
}
