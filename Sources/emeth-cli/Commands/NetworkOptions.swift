import EmethKit
import EmethNetwork

/// Flags and arguments of the commands that work with jobs on a local network.
enum NetworkOptions {
  static let dataset = Argument("DATASET", .file, help: "UTF-8 text to train on, `-` for standard input")
  static let optionalDataset = Argument(
    optional: "DATASET", .file, help: "UTF-8 text to train on, `-` for standard input")
  static let job = Argument("JOB", .job, help: "the job")
  static let network = Flag(
    "network", .folder, absent: "emeth/network in the user's data folder",
    help: "folder of the local network: jobs, balances, data")
  static let out = Flag(
    "out", short: "o", .folder, absent: "./emeth-<first 8 digits of the job's id>",
    help: "model folder to write, the job's records in its job/")

  // What a job is to be.
  static let parallel = Flag(
    "parallel", .integer(in: 1...511), absent: "as many as --nodes",
    help: "parts that the data set is split into; each is a SubJob in every round")
  static let parts = Flag(
    "parallel", .integer(in: 1...511), default: 4,
    help: "parts that the data set is split into; each is a SubJob in every round")
  static let rounds = Flag(
    "rounds", .integer(in: 1...100_000), absent: "by the preset",
    help: "how often the parts train and their updates are added up")
  static let fuelPrice = Flag(
    "fuel-price", .fuelPrice, default: FuelPrice(gholon: 120), defaultText: "120gholon",
    help: "price of one fuel")
  static let deadline = Flag(
    "deadline", .duration, default: Duration.seconds(86_400), defaultText: "1d",
    help: "how long the job may take from its request")
  static let rules = Flag(
    "rules", .rules, default: RuleSource.named(.standard), defaultText: RuleSet.standard.name,
    help: "rule set that the money follows, by name or as a JSON file of one's own")

  // How a network works.
  static let nodes = Flag("nodes", .integer(in: 1...64), default: 4, help: "node workers")
  static let checkSegments = Flag(
    "check-segments", .segmentCheck, absent: "2, or what --detect needs",
    help: "segments of a SubJob that its verifier replays, drawn at random, besides the last")
  static let detect = Flag(
    "detect", .detectionGoal, absent: "as --check-segments says",
    help:
      "check so many segments that, where a share of all the job's is bad, one is found with a probability")
  static let modelCache = Flag(
    "model-cache", .byteCount, absent: "5GB",
    help:
      "bytes kept at most of a training's states, which a node else computes again, and of models for text")
  static let fault = Flag(
    "fault", .fault, absent: "everybody is honest",
    help:
      "make one node, verifier or the Aggregator cheat, to see it caught: a node on its first SubJob that "
      + "allows it, a verifier whenever it is drawn")
  static let noEvidence = Flag(
    toggle: "no-evidence",
    help:
      "leave no evidence files behind; one has the size of the model and its moments, 12 bytes a parameter")

  /// What --check-segments and --detect say together.
  static func check(_ parsed: ParsedCommand) throws(UsageError) -> SegmentCheck {
    switch (parsed[checkSegments], parsed[detect]) {
    case (nil, nil): return .drawn(2)
    case (let check?, nil): return check
    case (nil, let goal?): return .detecting(goal)
    case (.some, .some):
      throw .contradiction(
        rule: "--detect says how many segments are checked: --check-segments can't be given with it",
        command: parsed.definition.name)
    }
  }
  static let dryRun = Flag(toggle: "dry-run", help: "say what it would cost and submit nothing")
}
