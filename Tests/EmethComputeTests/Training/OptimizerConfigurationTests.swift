import Foundation
import Testing

@testable import EmethCompute

@Suite struct OptimizerConfigurationTests {
  @Test("linear warm-up, then cosine to the minimum, then level")
  func schedule() {
    let o = OptimizerConfiguration(learningRate: 1e-3, warmupSteps: 10, totalSteps: 110, minimumRatio: 0.1)
    #expect(o.learningRate(atStep: 0) == 1e-3 / 10)
    #expect(o.learningRate(atStep: 9) == 1e-3)
    #expect(o.learningRate(atStep: 10) == 1e-3)
    #expect(abs(o.learningRate(atStep: 60) - 5.5e-4) < 1e-15)
    #expect(o.learningRate(atStep: 110) == 1e-3 * 0.1)
    #expect(o.learningRate(atStep: 1_000_000) == 1e-3 * 0.1)
    let rates = (10...110).map(o.learningRate(atStep:))
    #expect(zip(rates, rates.dropFirst()).allSatisfy { $0 >= $1 })
  }

  @Test("after the warm-up in a straight line, or level")
  func otherSchedules() {
    var o = OptimizerConfiguration(
      learningRate: 1, warmupSteps: 10, totalSteps: 110, minimumRatio: 0.25, schedule: .linear)
    #expect(o.learningRate(atStep: 4) == 0.5)
    for step in 10...110 {
      let progress = Double(step - 10) / 100
      #expect(o.learningRate(atStep: step) == 0.25 + 0.75 * (1 - progress))
    }
    #expect(o.learningRate(atStep: 1_000_000) == 0.25)
    o.schedule = .constant
    #expect(o.learningRate(atStep: 4) == 0.5)
    for step in [9, 10, 60, 110, 200] { #expect(o.learningRate(atStep: step) == 1) }
  }

  @Test("cos(π p) is within 2 ulp")
  func cosine() {
    var worst = 0.0
    for i in 0...200_000 {
      let p = Double(i) / 200_000
      // The yardstick's argument is kept small, as its own rounding would cost more than 2 ulp else; the
      // differences are exact.
      let exact =
        p <= 0.25 ? cos(Double.pi * p) : p < 0.75 ? sin(Double.pi * (0.5 - p)) : -cos(Double.pi * (1 - p))
      let found = ReproducibleCosine.ofHalfTurns(p)
      worst = max(worst, abs(found - exact) / max(exact.magnitude.ulp, 1e-300))
    }
    print("cos: \(worst) ulp from the system's")
    #expect(worst <= 2)
    #expect(ReproducibleCosine.ofHalfTurns(0) == 1)
    #expect(ReproducibleCosine.ofHalfTurns(0.5) == 0)
    #expect(ReproducibleCosine.ofHalfTurns(1) == -1)
  }

  @Test(
    "settings out of range are named",
    arguments: [
      OptimizerConfiguration(learningRate: -1), OptimizerConfiguration(learningRate: .nan),
      OptimizerConfiguration(beta1: 1), OptimizerConfiguration(beta2: -0.1),
      OptimizerConfiguration(epsilon: 0),
      OptimizerConfiguration(epsilon: 1e-60), OptimizerConfiguration(weightDecay: .infinity),
      OptimizerConfiguration(gradientClip: 0), OptimizerConfiguration(warmupSteps: -1),
      OptimizerConfiguration(minimumRatio: 1.5),
    ])
  func invalid(configuration: OptimizerConfiguration) {
    #expect(throws: ComputeError.self) { try configuration.validate() }
  }

  @Test("bias corrections by repeated multiplication, wherever one starts")
  func corrections() {
    var walked = BiasCorrections(beta1: 0.9, beta2: 0.95)
    for t in 1...50 { walked.advance(to: UInt64(t)) }
    var jumped = BiasCorrections(beta1: 0.9, beta2: 0.95)
    jumped.advance(to: 80)
    jumped.advance(to: 50)
    #expect(walked.first == jumped.first && walked.second == jumped.second)
    var power = 1.0
    for _ in 0..<50 { power *= 0.95 }
    #expect(walked.second == Float(1 / (1 - power)))
  }
}
