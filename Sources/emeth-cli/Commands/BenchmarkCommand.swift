extension Command {
  /// `emeth benchmark SUBJECT`: how fast this machine is at something.
  static let benchmark = Command(
    CommandDefinition(
      "benchmark", section: .program, summary: "measure the speed of this machine",
      discussion: BenchmarkSubject.allCases.map { "\($0.rawValue): \($0.discussion)" },
      arguments: [BenchmarkArguments.subject], flags: BenchmarkArguments.flags,
      examples: [
        CommandExample("emeth benchmark tickets --json", "rates and ratios as JSON"),
        CommandExample(
          "emeth benchmark train --preset gpt2 --batch 4 --context 64", "a training step of GPT-2 124M"),
        CommandExample(
          "emeth benchmark generate --preset gpt2 --dtype int8", "tokens per second of one text"),
        CommandExample(
          "emeth benchmark aggregation --parameters 10000000", "masking and adding updates of 8 nodes"),
        CommandExample(
          "emeth benchmark server --database postgres://emeth@/empty?host=/run/postgresql",
          "a served network on PostgreSQL"),
        CommandExample(
          "emeth benchmark gateway --preset small", "what the gateway adds to a node's own time"),
      ])
  ) { parsed, context in
    let subject = parsed[BenchmarkArguments.subject]
    let own = Set(subject.flags.map(\.definition.name))
    if let strange = BenchmarkArguments.flags.first(where: {
      parsed.isGiven($0) && !own.contains($0.definition.name)
    }) {
      throw UsageError.contradiction(
        rule: "\(strange.definition.spelling) means nothing for \(subject.rawValue)", command: "benchmark")
    }
    switch subject {
    case .tickets: try await benchmarkTickets(parsed, context)
    case .train: try benchmarkTraining(parsed, context)
    case .matmul: try benchmarkProducts(parsed, context)
    case .generate: try benchmarkGeneration(parsed, context)
    case .tokenize: try benchmarkTokenizing(parsed, context)
    case .aggregation: try benchmarkAggregation(parsed, context)
    case .server: try await benchmarkServer(parsed, context)
    case .transfer: try await benchmarkTransfer(parsed, context)
    case .gateway: try await benchmarkGateway(parsed, context)
    }
    return .done
  }
}

/// What can be measured.
private enum BenchmarkSubject: String, CaseIterable {
  case tickets, train, matmul, generate, tokenize, aggregation, server, transfer, gateway

  /// What is measured, and how.
  var discussion: String {
    switch self {
    case .tickets:
      "signs and checks tickets, EIP-712 hashing included, in turn with what libsecp256k1 alone does with "
        + "ready digests on the same core, and prints medians and the ratio of the speeds; apart from that "
        + "all cores together, JSON, and reading and writing files. Rates are per second; one core's are by "
        + "its processor time."
    case .train:
      "takes training steps of a preset's model with random weights on random tokens. Prints the median "
        + "time of a step, and the floating-point operations a second of its matrix products and attention "
        + "beside the most that the same threads reach in registers in the same run."
    case .matmul:
      "the same for the matrix products of such a step one by one, each by its best time."
    case .generate:
      "draws tokens from a model of random weights in the shape of --preset and prints tokens per second, "
        + "the bytes of weights read per second, and their ratio to the pace at which the same threads read "
        + "memory in the same run."
    case .tokenize:
      "learns a byte-level BPE of up to 50,000 tokens from a text and encodes the text with it."
    case .aggregation:
      "masks an update for every node of a cohort and adds what they posted. Prints a node's time, its root "
        + "included, and the Aggregator's, beside what OpenSSL's ChaCha20 alone and memory alone take on the "
        + "same threads in the same run."
    case .server:
      "starts `emeth serve` with 100,000 open jobs, in a process of its own, and prints how fast it answers reads "
        + "beside a plain handler of the same HTTP library, signed and durable state changes beside the transactions "
        + "of the database alone, pages of lists, and the memory that 1,000 waiting nodes cost. The database of "
        + "--database must be empty, and is full afterwards; without it an SQLite file in TMPDIR is measured, and gone "
        + "afterwards."
    case .transfer:
      "sends a file of --bytes to `emeth serve` in a process of its own and fetches it again as nodes do, its hash "
        + "compared; prints seconds and the most memory that both sides took."
    case .gateway:
      "starts `emeth serve --gateway` in a process of its own and prints what it adds to a node's time: to the first "
        + "token and to each one behind it, of texts of a model of random weights in the shape of --preset, which are "
        + "drawn alone too in the same run; how --streams streams fare beside each other whose node computes nothing; "
        + "and how much more is drawn of --batch texts at once."
    }
  }

  /// The flags that mean something for it.
  var flags: [any CommandFlag] {
    typealias Flags = BenchmarkArguments
    return switch self {
    case .tickets: [Flags.count, Flags.seconds, CommonFlags.json]
    case .train:
      Flags.model + [DeviceOptions.devices, Flags.profile, Flags.threads, Flags.steps, CommonFlags.json]
    case .matmul:
      Flags.model + [DeviceOptions.devices, Flags.profile, Flags.threads, Flags.seconds, CommonFlags.json]
    case .generate:
      [
        Flags.preset, GenerationBenchmark.dtype, Flags.batch, GenerationBenchmark.tokens,
        DeviceOptions.devices,
        Flags.threads,
        CommonFlags.json,
      ]
    case .tokenize: [Flags.seconds, TokenizerBenchmark.text, CommonFlags.json]
    case .aggregation:
      [AggregationBenchmark.parameters, AggregationBenchmark.nodes, Flags.threads, CommonFlags.json]
    case .server:
      [Flags.seconds, CommonFlags.json] + ServerBenchmarkArguments.flags
    case .transfer:
      [ServerBenchmarkArguments.byteCount, ServeArguments.storage, CommonFlags.json]
    case .gateway:
      [
        Flags.preset, Flags.batch, GenerationBenchmark.tokens, Flags.threads,
        GatewayBenchmarkArguments.streams,
        CommonFlags.json,
      ]
    }
  }
}

/// The argument and flags of `emeth benchmark`; which subject takes which is in `BenchmarkSubject.flags`.
enum BenchmarkArguments {
  fileprivate static let subject: Argument<BenchmarkSubject> = Argument(
    "SUBJECT", .choice("SUBJECT"),
    help: "what to measure: " + BenchmarkSubject.allCases.map(\.rawValue).joined(separator: ", "))
  static let count = Flag("count", .integer(in: 40...1_000_000), default: 2_000, help: "different tickets")
  static let seconds = Flag("seconds", .integer(in: 1...3600), default: 10, help: "time for all of it")
  static let preset = ModelOptions.preset
  static let batch = ModelOptions.batch
  static let context = ModelOptions.context
  static let threads = ModelOptions.threads
  static let profile = TrainingOptions.profile
  static let steps = Flag("steps", .integer(in: 1...100_000), default: 10, help: "steps to measure")

  static let model: [any CommandFlag] = [preset, batch, context]
  static let flags: [any CommandFlag] =
    [count, seconds] + model
    + [
      DeviceOptions.devices, profile, GenerationBenchmark.dtype, GenerationBenchmark.tokens,
      TokenizerBenchmark.text,
      AggregationBenchmark.parameters, AggregationBenchmark.nodes, threads, steps,
      ServerBenchmarkArguments.byteCount, ServeArguments.storage, GatewayBenchmarkArguments.streams,
      CommonFlags.json,
    ] + ServerBenchmarkArguments.flags
}
