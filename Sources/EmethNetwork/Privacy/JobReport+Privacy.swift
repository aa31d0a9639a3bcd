import EmethCompute
import EmethKit

extension JobReport {
  /// What a job with differential privacy promises of any one part: the (ε, δ) of all that its sums and models
  /// tell, over the rounds that were counted.
  public struct Privacy: Codable, Sendable, Hashable {
    /// ε for who knows none of the parts' noises; nil when nothing is promised.
    public var epsilon: Double?
    /// ε for who knows all of the noises but a third of them, rounded up, the part's own among these.
    public var epsilonOneThirdHonest: Double?
    /// The δ of both.
    public var delta: Double
    /// Standard deviation of the noise on a round's sum, in units of the clip.
    public var noise: Double
    /// The largest L2 norm of a part's update of one round.
    public var clip: Double
    /// The rounds that were counted.
    public var rounds: Int

    /// The promise over rounds with these exponents, one a tensor and round; nil without terms of privacy.
    init?(manifest: TrainingManifest, parts: UInt32, rounds: [[Int32]]) throws(NetworkError) {
      guard let terms = manifest.privacy else { return nil }
      let noise = UpdateNoise(terms: terms, parts: parts)
      let layout: ParameterLayout
      do throws(ComputeError) {
        layout = ParameterLayout(try ModelConfiguration(manifest.model))
      } catch {
        throw .compute(error)
      }
      var accountant = PrivacyAccountant()
      var weaker = PrivacyAccountant()
      for exponents in rounds {
        let tensors = zip(layout.tensors, exponents).map {
          PrivacyAccountant.Tensor(count: $0.count, exponent: $1)
        }
        accountant.add(noise: noise, tensors: tensors, hidden: parts)
        weaker.add(noise: noise, tensors: tensors, hidden: (parts + 2) / 3)
      }
      delta = Double(terms.delta.text) ?? 0
      self.noise = Double(terms.noise.text) ?? 0
      clip = Double(terms.clip.text) ?? 0
      epsilon = accountant.epsilon(delta: delta)
      epsilonOneThirdHonest = weaker.epsilon(delta: delta)
      self.rounds = rounds.count
    }

    /// The promise before a job: that of all its rounds, if the noise and not the updates' size decides how
    /// finely they are counted.
    public init?(expectedOf manifest: TrainingManifest, parts: UInt32) throws(NetworkError) {
      guard let terms = manifest.privacy else { return nil }
      let exponent = UpdateNoise(terms: terms, parts: parts).exponent(atMost: manifest.quantiserExponent)
      let tensors: Int
      do throws(ComputeError) {
        tensors = ParameterLayout(try ModelConfiguration(manifest.model)).tensors.count
      } catch {
        throw .compute(error)
      }
      let round = Array(repeating: exponent, count: tensors)
      try self.init(
        manifest: manifest, parts: parts, rounds: Array(repeating: round, count: Int(manifest.rounds)))
    }
  }
}
