import EmethCompute
import EmethKit
import EmethNetwork
import Foundation

/// What a training job would cost: parts, fuel by formula, fee, deposit, verification.
struct JobQuote: Encodable, Sendable {
  struct Verification: Encodable, Sendable {
    /// Segments of a SubJob.
    var segments: Int
    /// Optimizer steps of a segment; the last may have fewer.
    var segmentLength: Int
    /// Segments that a verifier replays at most: the drawn ones and the last.
    var replayed: Int
    /// Fuel that replaying them takes, for each SubJob.
    var fuelPerSubJob: Fuel
    /// The same for all SubJobs.
    var fuel: Fuel
    /// What that finds.
    var detection: DetectionOfShare
  }

  /// The probabilities, rounded down, to find something when a share of the segments is bad.
  struct DetectionOfShare: Encodable, Sendable {
    /// The share, in percent.
    var badPercent: Double
    /// Of all the job's segments.
    var job: Double
    /// Of one SubJob's.
    var subJob: Double

    init(_ plan: DetectionPlan, share: Rate) {
      badPercent = Double(share.per100000) / 1_000
      job = Double(plan.detection(per: 1_000_000)) / 1_000_000
      subJob = Double(plan.detectionOfOneSubJob(per: 1_000_000)) / 1_000_000
    }
  }

  var parameters: UInt64
  /// Sequences to train on.
  var records: Int
  var parts: Int
  /// Records of the largest part.
  var recordsPerPart: Int
  var rounds: Int
  var stepsPerRound: Int
  /// SubJobs of all rounds when each is done at the first attempt.
  var subJobs: Int
  var tokensPerSubJob: UInt64
  /// The whole job.
  var job: MoneyQuote
  /// Its largest SubJob.
  var subJob: MoneyQuote
  var verification: Verification
  /// What noise promises of a part; nil without.
  var privacy: JobReport.Privacy?

  /// Reads the data set and computes the quote; refuses more parts than records.
  init(
    dataset: String, options: ModelOptions, parts: Int, rounds: Int?, check: SegmentCheck,
    privacy privacyOptions: PrivacyOptions, price: FuelPrice, rules: RuleSet
  ) throws {
    let tokenizer = try options.loadTokenizer()
    let configuration = try options.configuration(for: tokenizer)
    let text = try TrainingText(
      dataset, tokenizer: tokenizer, context: configuration.context,
      device: try Device.cpu(threads: options.threads))
    try text.refuse(parts: parts)
    let shape = try configuration.modelShape()
    parameters = shape.parameterCount
    records = text.training.count
    self.parts = parts
    recordsPerPart = (records + parts - 1) / parts
    self.rounds = rounds ?? options.preset.rounds
    stepsPerRound = options.steps ?? options.preset.stepsPerRound
    subJobs = self.rounds * parts
    let tokensPerStep = UInt64(options.batch) * UInt64(configuration.context)
    tokensPerSubJob = UInt64(stepsPerRound) * tokensPerStep

    let computed = try FuelFormula.training(model: shape, tokens: tokensPerSubJob)
    let limit = try ParentBudget.fuelLimit(
      covering: computed, rounds: UInt32(clamping: self.rounds), parts: UInt32(clamping: parts))
    let terms = try rules.terms(fuelLimit: limit, fuelPrice: price)
    job = MoneyQuote(rules: rules.name, fuelPrice: price, fuelLimit: limit, terms: terms)
    let budget = try ParentBudget(
      fuelLimit: limit, verifierFee: terms.verifierFee, rounds: UInt32(clamping: self.rounds),
      parts: UInt32(clamping: parts))
    let share = budget.share(round: 0, part: 0)
    let shareTerms = try rules.terms(
      fuelLimit: share.fuelLimit, fuelPrice: price, verifierFee: share.verifierFee)
    subJob = MoneyQuote(rules: rules.name, fuelPrice: price, fuelLimit: share.fuelLimit, terms: shareTerms)

    let cut = try check.segmentPlan(
      model: shape, tokensPerStep: tokensPerStep, stepsPerRound: UInt32(stepsPerRound), subJobs: subJobs)
    let plan = try check.plan(subJobs: subJobs, segments: cut.segments)
    let replayed = min(cut.segments, plan.drawn + 1)
    let steps = min(stepsPerRound, replayed * Int(cut.length))
    let replay = try FuelFormula.training(model: shape, tokens: UInt64(steps) * tokensPerStep)
    verification = Verification(
      segments: cut.segments, segmentLength: Int(cut.length), replayed: replayed, fuelPerSubJob: replay,
      fuel: try ParentBudget.fuelLimit(
        covering: replay, rounds: UInt32(clamping: self.rounds), parts: UInt32(clamping: parts)),
      detection: DetectionOfShare(plan, share: check.countedShare))
    let manifest = try TrainingManifest(
      options, tokenizer: tokenizer, rounds: rounds, parts: parts, check: check,
      initialParameters: options.initialModelFolder == nil ? nil : .zero, privacy: privacyOptions)
    privacy = try JobReport.Privacy(expectedOf: manifest, parts: UInt32(parts))
  }

  private func percent(_ probability: Double) -> String {
    "\(NumberText.fixed(probability * 100, decimals: 1)) %"
  }

  /// What replaying costs of a SubJob's work, in percent.
  private var replayedPercent: Double {
    Double(verification.fuelPerSubJob.units) / Double(max(1, subJob.fuelLimit.units)) * 100
  }

  /// What is said before a job is paid: the price, and what is checked for it.
  ///
  /// - Parameter terms: The job's, where its requester pays for more fuel than the formula gives.
  func summary(terms: JobTerms) -> String {
    let (escrow, fee) = (terms.escrow.emethText, terms.verifierFee.emethText)
    let replayed = NumberText.fixed(replayedPercent, decimals: 1)
    let bad = NumberText.fixed(verification.detection.badPercent, decimals: 1)
    let found = percent(verification.detection.job)
    let foundInOne = percent(verification.detection.subJob)
    return """
      the job costs at most \(escrow) EMETH, \(fee) EMETH of them for verifiers; they replay \
      \(verification.replayed) of \(verification.segments) segments of each SubJob, \(replayed) % of the work: \
      cheats on \(bad) % of all segments are found with \(found), on as many of one SubJob's with \(foundInOne)
      """
  }

  /// The quote for people.
  var text: String {
    LabelledLines.text(
      [
        ("model", "\(NumberText.grouped(parameters)) parameters"),
        ("records", "\(NumberText.grouped(records)) in \(parts) parts of at most \(recordsPerPart)"),
        ("work", "\(rounds) rounds x \(parts) parts x \(stepsPerRound) steps: \(subJobs) SubJobs"),
        (
          "fuel",
          "\(NumberText.grouped(job.fuelLimit.units)), \(NumberText.grouped(subJob.fuelLimit.units)) a SubJob"
        ),
        ("price of one fuel", "\(TokenAmount(holon: job.fuelPrice.holonPerFuel))"), ("rules", job.rules),
      ] + job.amounts.prefix(3)
        + subJob.amounts.dropFirst(3).map { ("\($0.0), each SubJob", $0.1) } + [
          (
            "verification",
            "\(verification.replayed) of \(verification.segments) segments of "
              + "\(verification.segmentLength) steps replayed: "
              + "\(NumberText.grouped(verification.fuel.units)) fuel, "
              + "\(NumberText.fixed(replayedPercent, decimals: 0)) % of the work"
          ),
          (
            "detection",
            "\(percent(verification.detection.job)) of cheats on "
              + "\(NumberText.fixed(verification.detection.badPercent, decimals: 1)) % of the job's segments, "
              + "\(percent(verification.detection.subJob)) of those on as many of one SubJob's"
          ),
        ] + (privacy.map { [("privacy", $0.text)] } ?? []))
  }
}

extension TrainingText {
  /// Refuses a division into more parts than there are records, and a text of which nothing can be held back.
  func refuse(parts: Int) throws {
    guard validation != nil else {
      throw CommandFailure(
        .badInput, code: "data.noValidation",
        "the data set is too short to hold anything back for the validation loss: found "
          + "\(corpus.bytes.count) bytes, of which \(corpus.validation.count) are held back, allowed at least 2 tokens",
        hint: "take a longer text", details: ["found": "\(corpus.validation.count)"])
    }
    guard parts <= training.count else {
      throw CommandFailure(
        .badInput, code: "data.tooManyParts",
        "the data set has fewer records than parts: found --parallel \(parts), allowed at most "
          + "\(training.count)",
        hint: "lower --parallel or --context, or take a longer text",
        details: ["found": "\(parts)", "allowed": "\(training.count)"])
    }
  }
}
