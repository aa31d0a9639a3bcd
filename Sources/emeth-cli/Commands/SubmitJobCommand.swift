import EmethCompute
import EmethKit
import EmethNetwork
import Foundation

extension Command {
  /// `emeth submit-job DATASET`: requests a training job of a server, or puts it into a local network's queue.
  static let submitJob = Command(.submitJob) { parsed, context in
    if try ChainOptions.isChain(
      parsed, others: elsewhereOnly, also: [ServerOptions.server, ChainOptions.divider])
    {
      return try await submitOnChain(parsed, context)
    }
    guard parsed[RemoteJobOptions.program] == Int(ProgramID.languageModelTraining.rawValue) else {
      return try await submitComputation(parsed, context)
    }
    try ProgramOptions.refuse(for: "a training", in: parsed)
    let fetched = try await FetchedModel(parsed[ModelOptions.initialModel], parsed, context)
    defer { withExtendedLifetime(fetched) {} }
    let options = try ModelOptions(parsed, initialModel: fetched?.folder.path)
    let privacy = try PrivacyOptions(parsed)
    let parallel = parsed[NetworkOptions.parts]
    let rounds = parsed[NetworkOptions.rounds]
    let fuelPrice = parsed[NetworkOptions.fuelPrice]
    let asks = parsed.isGiven(NetworkOptions.detect) || parsed.isGiven(NetworkOptions.checkSegments)
    let check = asks ? try NetworkOptions.check(parsed) : nil
    // Standard input can be read once only, and it is needed twice.
    let input = try StoredInput(parsed[NetworkOptions.dataset])
    defer { input.discard() }
    // The quote looks at all the input, before anything is stored or paid.
    let quote = try JobQuote(
      dataset: input.path, options: options, parts: parallel, rounds: rounds, check: check ?? .drawn(2),
      privacy: privacy, price: fuelPrice, rules: .standard)
    if parsed[NetworkOptions.dryRun] {
      try context.output.write(parsed[CommonFlags.json] ? JSONText.pretty(quote) : quote.text)
      return .done
    }
    let limit = max(quote.job.fuelLimit, parsed[RemoteJobOptions.fuelLimit] ?? .zero)
    let terms = try RuleSet.standard.terms(fuelLimit: limit, fuelPrice: fuelPrice)
    context.talk.note(quote.summary(terms: terms))
    let tokenizer = try options.loadTokenizer()
    let request = try RequestedJob(
      options, tokenizer: tokenizer, name: input.name, dataSet: try TrainingText.corpus(input.path).bytes,
      parallel: parallel, rounds: rounds, cutFor: check ?? .drawn(2), privacy: privacy,
      fuelPrice: fuelPrice, timeLimit: parsed[NetworkOptions.deadline], retry: .standard, asking: check)
    if let client = try ServerOptions.client(parsed, context, signed: true) {
      let job = try await RemoteJob(
        request, dataSet: URL(filePath: input.path), fuelLimit: parsed[RemoteJobOptions.fuelLimit]
      ).submit(to: client)
      return try await tell(job, at: client, parsed, context)
    }
    let network = try openNetwork(parsed, context, mayMake: true)
    let job = try inNetwork(network.folder) {
      try request.store(in: network)
      return try network.submit(request.request)
    }
    if parsed[CommonFlags.json] {
      try context.output.write(JSONText.pretty(JobListing(try network.job(job))))
    } else {
      try context.output.print("\(job)")
      context.talk.note("work on it with: emeth run --network \(ShellWord.quoted(network.folder.path))")
    }
    return .done
  }
}

extension Command {
  /// Says which job a server has taken.
  static func tell(
    _ job: JobID, at client: ServerClient, _ parsed: ParsedCommand, _ context: CommandContext
  ) async throws -> ExitCode {
    guard let seen = try await client.job(job) else { throw NetworkError.unknownJob(id: "\(job)") }
    if parsed[CommonFlags.json] {
      try context.output.write(JSONText.pretty(JobListing(seen.job.summary)))
    } else {
      try context.output.print("\(job)")
      context.talk.note("follow it with: emeth watch-job \(job) --server \(client.server)")
    }
    return .done
  }
}

/// An input file, or standard input kept in a temporary file.
private struct StoredInput {
  let name: String
  let path: String
  private let temporary: URL?

  init(_ path: String) throws {
    let file = InputFile(path)
    name = file.name
    guard path == "-" else {
      self.path = path
      temporary = nil
      return
    }
    let copy = FileManager.default.temporaryDirectory.appending(path: "emeth-\(UUID().uuidString)")
    try Data(try file.bytes()).write(to: copy)
    self.path = copy.path
    temporary = copy
  }

  func discard() {
    if let temporary { try? FileManager.default.removeItem(at: temporary) }
  }
}
