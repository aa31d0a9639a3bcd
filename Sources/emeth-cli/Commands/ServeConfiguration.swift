import EmethKit
import EmethNetwork
import Foundation

/// What `emeth serve` is told: by flags, then by the environment, then by the file of `--config`.
struct ServeConfiguration {
  /// The command as if everything had been typed.
  private(set) var parsed: ParsedCommand
  /// Whence the values are that were not typed, by the names of their flags.
  private var sources: [String: (name: String, exitCode: ExitCode)] = [:]

  private static let variables = [
    ("EMETH_LISTEN", ServeArguments.listen), ("EMETH_DATA", ServeArguments.data),
    ("EMETH_DATABASE", ServeArguments.database), ("EMETH_STORAGE", ServeArguments.storage),
  ]

  /// What a file may set.
  private static let settings: [any CommandFlag] = [
    ServeArguments.listen, ServeArguments.data, ServeArguments.database, ServeArguments.storage,
    ServeArguments.grant, ServeArguments.interval, ServeArguments.lease, ServeArguments.audience,
    ServeArguments.certificate, ServeArguments.tlsKey, ServeArguments.threads, ServeArguments.logLevel,
    ServeArguments.keepResults, ServeArguments.minimumVerifierFee, ServeArguments.gateway,
    ServeArguments.gatewayNode, ChainOptions.rpc,
    ChainOptions.core,
    ChainOptions.chainID, ChainOptions.settlement, ServeArguments.witness,
    ServeArguments.confirmations, ServeArguments.operatorKey, ServeArguments.operatorPassword,
    ServeArguments.fromBlock, ServeArguments.posting,
  ]

  /// Reads environment and file.
  init(_ typed: ParsedCommand, _ context: CommandContext) throws {
    parsed = typed
    for (variable, flag) in Self.variables where !parsed.isGiven(flag) {
      guard let text = context.environment[variable], !text.isEmpty else { continue }
      parsed.set(flag.definition, to: text)
      sources[flag.definition.name] = (variable, .usage)
    }
    guard let path = typed[ServeArguments.config] else { return }
    let flags = Self.settings.map(\.definition)
    let missing = flags.filter { !parsed.holds($0) }
    try ConfigurationFile(path).fill(&parsed, flags: flags)
    for flag in missing where parsed.holds(flag) { sources[flag.name] = ("--config", .badInput) }
  }

  private func source(of flag: some CommandFlag) -> (name: String, exitCode: ExitCode) {
    sources[flag.definition.name] ?? (flag.definition.spelling, .usage)
  }

  /// The network's folder.
  var folder: URL {
    get throws {
      guard let path = parsed[ServeArguments.data] else {
        throw CommandFailure(
          .usage, code: "data.missing", "\(parsed.definition.name): no folder is named",
          hint: "give --data FOLDER or set EMETH_DATA")
      }
      return URL(filePath: path)
    }
  }

  /// Where jobs and money are; `nil` is SQLite in the folder.
  var database: DatabaseLocation? {
    get throws {
      guard let text = parsed[ServeArguments.database] else { return nil }
      do throws(NetworkError) {
        return .postgres(try PostgresAddress(text))
      } catch {
        // Without what was found: it may hold a password.
        let source = source(of: ServeArguments.database)
        throw CommandFailure(
          source.exitCode, code: error.code, "\(source.name), \(error.message)", hint: nil)
      }
    }
  }

  /// How the network works.
  func service() throws -> ServiceSettings {
    var settings = ServiceSettings()
    if let span = parsed[ServeArguments.interval] {
      settings.epochMilliseconds = UInt32(span / .milliseconds(1))
    }
    if let span = parsed[ServeArguments.lease] {
      let source = source(of: ServeArguments.lease)
      guard span >= .seconds(3) else {
        throw CommandFailure(
          source.exitCode, code: "setting.invalid", "\(source.name): found \(span), allowed 3s to 24h",
          details: ["found": "\(span)", "allowed": "3s to 24h"])
      }
      settings.periods.leaseSeconds = UInt32(span / .seconds(1))
      settings.periods.leaseRenewalSeconds = settings.periods.leaseSeconds / 3
    }
    for grant in parsed[ServeArguments.grant] { settings.grants[grant.account] = grant.amount }
    if let threads = parsed[ServeArguments.threads] { settings.threads = threads }
    if let text = parsed[ServeArguments.storage] { settings.storage = try address(of: text) }
    settings.gatewayModels = parsed[ServeArguments.gateway]
    settings.gatewayNodes = Set(parsed[ServeArguments.gatewayNode])
    settings.minimumVerifierFee = parsed[ServeArguments.minimumVerifierFee]
    if let kept = parsed[ServeArguments.keepResults] { settings.resultSeconds = kept.seconds }
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
  func server() throws -> ServerSettings {
    try Self.server(parsed, at: parsed[ServeArguments.listen] ?? "127.0.0.1:7443")
  }

  /// The same at an address that is known.
  static func server(_ parsed: ParsedCommand, at address: String) throws -> ServerSettings {
    var settings: ServerSettings
    do throws(NetworkError) {
      settings = try ServerSettings(listen: address)
    } catch {
      throw CommandFailure(.usage, code: error.code, error.message, details: ["found": address])
    }
    settings.audiences = parsed[ServeArguments.audience]
    switch (parsed[ServeArguments.certificate], parsed[ServeArguments.tlsKey]) {
    case (nil, nil): break
    case (let chain?, let key?):
      settings.certificate = ServerSettings.Certificate(chain: URL(filePath: chain), key: URL(filePath: key))
    default:
      throw UsageError.contradiction(
        rule: "--tls-certificate and --tls-key belong together", command: parsed.definition.name)
    }
    return settings
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

extension ValueType where Value == GatewayModel {
  /// `NAME=FOLDER@PRICE`.
  static var gatewayModel: Self {
    let allowed = "NAME=FOLDER@PRICE, such as tiny=models/tiny@0.001emeth"
    return Self(name: "NAME=FOLDER@PRICE", allowed: allowed) { text throws(ValueRefusal) in
      guard let equals = text.firstIndex(of: "="), let at = text.lastIndex(of: "@"), equals < at else {
        throw ValueRefusal(allowed: allowed)
      }
      let price = try ValueType<TokenAmount>.tokenAmount.parse(String(text[text.index(after: at)...]))
      let folder = text[text.index(after: equals)..<at]
      guard !folder.isEmpty,
        let model = try? GatewayModel(
          name: String(text[..<equals]), folder: URL(filePath: String(folder)), price: price)
      else { throw ValueRefusal(allowed: "\(allowed); NAME is \(GatewayModel.allowedName)") }
      return model
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
