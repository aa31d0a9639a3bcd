import EmethKit
import EmethNetwork

/// The flags that keep a job's data from those who work on it or see its model, the same in `run`,
/// `submit-job` and `quote`.
struct PrivacyOptions: Sendable {
  static let noise = Flag(
    "privacy-noise", .decimal(above: "0", upTo: "1000"), absent: "no noise",
    help: "differential privacy of a part: noise on each round's sum, its standard deviation in clips")
  static let clip = Flag(
    "privacy-clip", .decimal(above: "0", upTo: "1000000"), absent: nil,
    help: "with --privacy-noise: the largest L2 norm of a part's update in a round")
  static let delta = Flag(
    "privacy-delta", .decimal(above: "0", upTo: "0.1"), absent: "0.000001",
    help: "with --privacy-noise: the δ for which ε is told")
  static let maskVocabulary = Flag(
    toggle: "mask-vocabulary",
    help: "relabel the tokens for all but the requester: masking, open to counting, never encryption")

  static let flags: [any CommandFlag] = [noise, clip, delta, maskVocabulary]

  /// Clipping and noise; nil without.
  let terms: TrainingManifest.Privacy?
  let masksVocabulary: Bool

  /// Reads the group and checks what depends on more than one flag.
  init(_ parsed: ParsedCommand) throws {
    func contradiction(_ rule: String) -> UsageError {
      .contradiction(rule: rule, command: parsed.definition.name)
    }
    masksVocabulary = parsed[Self.maskVocabulary]
    if masksVocabulary, parsed.isGiven(ModelOptions.initialModel) {
      throw contradiction(
        "--mask-vocabulary can't be given with --init: who has that model knows which token is which")
    }
    switch (parsed[Self.noise], parsed[Self.clip]) {
    case (let noise?, let clip?):
      do {
        terms = try TrainingManifest.Privacy(
          clip: clip, noise: noise, delta: parsed[Self.delta] ?? TrainingManifest.Privacy.standardDelta)
      } catch {
        // Too small, or with too many decimals: the library names the field and what is allowed.
        throw contradiction(error.message)
      }
    case (nil, nil):
      guard parsed[Self.delta] == nil else {
        throw contradiction("--privacy-delta belongs to --privacy-noise, which is not given")
      }
      terms = nil
    case (_?, nil):
      throw contradiction("--privacy-noise needs --privacy-clip: noise hides only what is bounded")
    case (nil, _?):
      throw contradiction("--privacy-clip belongs to --privacy-noise, which is not given")
    }
  }
}

extension JobReport.Privacy {
  /// Such as `ε 3.2 at δ 1e-06 over 4 rounds (ε 5.6 to whom two thirds of the noise is known)`.
  var text: String {
    func shown(_ epsilon: Double?) -> String {
      epsilon.map { "ε \(NumberText.fixed($0, decimals: 2))" } ?? "no ε"
    }
    return "\(shown(epsilon)) at δ \(delta) over \(rounds) round\(rounds == 1 ? "" : "s"), "
      + "\(shown(epsilonOneThirdHonest)) against who knows all noise but a third"
  }
}
