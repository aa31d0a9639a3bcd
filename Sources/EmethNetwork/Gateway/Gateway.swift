import EmethCompute
import EmethKit
import Foundation
import Synchronization

/// What a server sells text with: its models by name, and the desk at which nodes take texts.
final class Gateway: Sendable {
  /// A model as the server has it: without its weights.
  struct Model: Sendable {
    let live: LiveModel
    let tokenizer: any Tokenizer
  }

  let models: [String: Model]
  let desk: LiveDesk
  /// Texts whose payment has failed, with what is to be paid for.
  let unpaid = Mutex<[JobID: (text: LiveText, tokens: [UInt32])]>([:])

  /// So long it may wait for a node, seconds.
  static let waitSeconds = 60.0

  /// Reads the models and lays their files among the objects, for nodes.
  init(_ offered: [GatewayModel], store: ContentStore, limits: LiveDesk.Limits) throws(NetworkError) {
    var models: [String: Model] = [:]
    for model in offered {
      guard models[model.name] == nil else {
        throw .badSetting(
          name: "models of the gateway", found: "\(model.name) twice", allowed: "each name once")
      }
      // What is no model's folder says so by the file that it lacks.
      do throws(ComputeError) {
        _ = try ModelFolder.readConfiguration(from: model.folder)
      } catch {
        throw .compute(error)
      }
      let reference = try ModelReference(folder: model.folder)
      let (_, tokenizer) = try reference.read(model.folder)
      for (name, content) in reference.files where try !store.contains(content) {
        let draft = store.folder.appending(path: "\(UUID().uuidString).download")
        try asNetworkError {
          try FileManager.default.copyItem(at: model.folder.appending(path: name), to: draft)
        }
        try store.adopt(draft, as: content)
      }
      models[model.name] = Model(
        live: LiveModel(name: model.name, model: reference, price: model.price), tokenizer: tokenizer)
    }
    self.models = models
    desk = LiveDesk(limits: limits)
  }

  /// Its models by name.
  var liveModels: [LiveModel] { models.values.map(\.live).sorted { $0.name < $1.name } }
}

extension NetworkService {
  /// Holds the files of the gateway's models, and nothing else of a former start's; where several serve the network,
  /// the others' too.
  func holdGatewayModels() throws(NetworkError) {
    guard let gateway else { return }
    try database.write { db in
      let now = try seconds(in: db)
      if !database.isShared {
        try db.execute(sql: "DELETE FROM hold WHERE holder = 'gateway' AND purpose = 'job'")
      }
      let objects = Set(gateway.liveModels.flatMap(\.model.objects)).sorted()
      try HoldStore.take(objects.map { .object($0) }, for: "gateway", .job, at: now, in: db)
    }
  }

  /// Ends texts whose clients are gone without a word, pays those whose payment has failed, and gives back what texts
  /// hold whose server went away with them.
  func endLostTexts() throws(NetworkError) {
    gateway?.desk.sweep()
    var failure: NetworkError?
    let unpaid = gateway?.unpaid.withLock { $0.values.map { $0 } } ?? []
    for (text, tokens) in unpaid + (gateway?.desk.abandoned() ?? []).map({ (text: $0, tokens: $0.handed) }) {
      do throws(NetworkError) { try end(text, tokens: tokens) } catch { failure = error }
    }
    let isDue = try database.read { db in
      try SQLRow.fetchOne(
        db, sql: "SELECT 1 FROM soldText WHERE expiresAt < ? LIMIT 1",
        arguments: [Int64(clamping: try seconds(in: db))]) != nil
    }
    if isDue {
      try database.write { db in try TextLedger.releaseExpired(at: try seconds(in: db), in: db) }
    }
    if let failure { throw failure }
  }

  /// Makes a key of an account that has money: accounts are free, and each key is a row for ever.
  func addAPIKey(_ wanted: WantedAPIKey, by account: Address) throws(NetworkError) -> APIKeyStanding {
    // Looked at beforehand: who has none makes no transaction wait.
    guard try database.read({ db in try Ledger.balances(of: account, in: db).total != .zero }) else {
      throw .refused(
        code: "apiKey.forbidden", message: "account \(account) has no money here",
        hint: "make a deposit, then make the key")
    }
    return try database.write { db in
      try refuseIfFrozen(in: db)
      return try APIKeyStore.add(wanted, of: account, at: try seconds(in: db), in: db)
    }
  }

  /// An account's keys.
  func apiKeys(of account: Address) throws(NetworkError) -> [APIKeyStanding] {
    try database.read { db in try APIKeyStore.all(of: account, in: db) }
  }

  /// Ends a key of an account.
  func revokeAPIKey(_ number: UInt32, by account: Address) throws(NetworkError) -> APIKeyStanding {
    try database.write { db in
      try APIKeyStore.revoke(number, of: account, at: try seconds(in: db), in: db)
    }
  }

  /// Whether a key counts.
  func checkAPIKey(_ hash: Bytes32) throws {
    let found = try database.read { db in
      try SQLRow.fetchOne(
        db, sql: "SELECT 1 FROM apiKey WHERE hash = ? AND revokedAt IS NULL", arguments: ["\(hash)"])
    }
    guard found != nil else { throw RequestFailure.badAPIKey }
  }

  /// Puts a text in line, its money bound.
  ///
  /// - Throws: ``RequestFailure``, ``NetworkError``.
  func begin(_ request: CompletionRequest, key hash: Bytes32) throws -> LiveText {
    guard let gateway, let model = gateway.models[request.model] else {
      throw RequestFailure.noModel(request.model)
    }
    // Nothing is read for who can't pay for the answer alone: a prompt may be a megabyte.
    let tokens = Int(request.drawing.maxTokens)
    let leastPaid = model.live.price == .zero ? TokenAmount.zero : TokenAmount(holon: 1)
    let least = max(try model.live.cost(promptTokens: 0, tokens: tokens), leastPaid)
    _ = try payer(of: least, key: hash)
    let prompt: [UInt32]
    do throws(ComputeError) {
      prompt = try model.tokenizer.startTokens(of: request.prompt)
    } catch {
      throw RequestFailure.completion("prompt: \(error.message)", param: "prompt")
    }
    let context = Int(model.live.model.context)
    guard prompt.count <= context else {
      throw RequestFailure.completion(
        "this model's maximum context length is \(context) tokens, the prompt has \(prompt.count)",
        param: request.kind == .chat ? "messages" : "prompt", code: "context_length_exceeded")
    }
    var random = SystemRandomNumberGenerator()
    let id =
      JobID((0..<16).map { _ in UInt8.random(in: 0...255, using: &random) })
      ?? JobID(
        requester: .zero, salt: .zero)
    let amount = try model.live.cost(promptTokens: prompt.count, tokens: tokens)
    // Nothing is drawn for who can't pay. The money is bound while a node begins already, and nothing is handed on before.
    let account = try payer(of: amount, key: hash)
    let text = LiveText(
      id: id, model: model.live, account: account, prompt: prompt, drawing: request.drawing)
    try gateway.desk.add(text)
    do {
      let refusal = try database.write { db in
        let now = try seconds(in: db)
        try refuseIfFrozen(in: db)
        return try Self.refusal {
          try TextLedger.reserve(
            amount, for: id, key: hash, until: now + UInt64(2 * gateway.desk.limits.textSeconds), at: now,
            in: db)
        }
      }
      if let refusal { throw refusal }
    } catch {
      gateway.desk.remove(text)
      throw error
    }
    return text
  }

  /// Who pays for a text with a key, where it can.
  private func payer(of amount: TokenAmount, key hash: Bytes32) throws -> Address {
    var payer: Address?
    let refusal = try database.read { db in
      try Self.refusal { payer = try TextLedger.check(amount, key: hash, in: db).account }
    }
    guard let payer, refusal == nil else { throw refusal ?? .badAPIKey }
    return payer
  }

  /// Why something is refused, which is so before anything is changed; nil where it is not.
  private static func refusal(_ body: () throws -> Void) throws -> RequestFailure? {
    do {
      try body()
      return nil
    } catch let refusal as RequestFailure {
      return refusal
    }
  }

  /// Gives a text's money back: it came to nothing.
  func endWithout(_ text: LiveText) throws(NetworkError) {
    gateway?.desk.remove(text)
    try database.write { db in try TextLedger.release(text.id, at: try seconds(in: db), in: db) }
  }

  /// Pays for a text, of which a client has got the first tokens: all of them, or those before it went away. Where that
  /// fails, ``endLostTexts()`` does it again.
  func end(_ text: LiveText, tokens: [UInt32]) throws(NetworkError) {
    gateway?.desk.remove(text)
    guard let node = text.drawer(ofFirst: tokens.count), !tokens.isEmpty else { return try endWithout(text) }
    do throws(NetworkError) {
      try pay(node, for: text, tokens)
    } catch {
      gateway?.unpaid.withLock { if $0[text.id] == nil { $0[text.id] = (text, tokens) } }
      throw error
    }
    gateway?.unpaid.withLock { $0[text.id] = nil }
  }

  private func pay(_ node: Address, for text: LiveText, _ tokens: [UInt32]) throws(NetworkError) {
    let model = text.model.model
    let count = GenerationTokens.count(
      prompt: text.prompt.count, drawn: tokens.count, context: Int(model.context))
    let fuel = try asNetworkError { try FuelFormula.forward(model: model.shape, tokens: UInt64(count)) }
    let price = try asNetworkError {
      try text.model.cost(promptTokens: text.prompt.count, tokens: tokens.count)
    }
    let hash = Receipt.hash(text.prompt, tokens)
    let isPaid = try database.write { db in
      let now = try seconds(in: db)
      let receipt = SignedReceipt(
        signing: Receipt(
          text: text.id, node: node, model: model.hash, promptTokens: UInt32(clamping: text.prompt.count),
          tokens: UInt32(clamping: tokens.count), tokensHash: hash, fuel: fuel, holon: price, time: now),
        in: domain, with: operatorKeys.aggregator)
      try note(node, as: Self.holder, in: db)
      return try TextLedger.pay(receipt, at: now, in: db)
    }
    if isPaid { gateway?.desk.announceReceipt(to: node) }
  }
}
