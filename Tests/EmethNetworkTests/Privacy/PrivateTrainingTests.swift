import EmethCompute
import EmethKit
import Foundation
import Synchronization
import Testing

@testable import EmethNetwork

/// Whole jobs with noise.
@Suite struct PrivateTrainingTests {
  @Test func aJobWithNoiseIsVerifiedAndToldForWhatItIsWorth() async throws {
    let manifest = try TestNetwork.privateManifest()
    let settings = try NetworkSettings(nodes: 3, check: .all)
    let finished = try await TestNetwork.run(settings: settings, manifest: manifest)
    #expect(finished.report.status == "VERIFIED")
    let privacy = try #require(finished.report.privacy)
    #expect(privacy.rounds == 2 && privacy.delta == 1e-6 && privacy.noise == 4 && privacy.clip == 0.5)
    // Two Gaussians of multiplier 4, and a little for the rounding.
    let ideal = try #require(PrivacyAccountant(slope: 2.0 / 32).epsilon(delta: 1e-6))
    let epsilon = try #require(privacy.epsilon)
    #expect(epsilon > ideal && epsilon < ideal * 1.01)
    #expect(try #require(privacy.epsilonOneThirdHonest) > epsilon)
    let expected = try #require(try JobReport.Privacy(expectedOf: manifest, parts: 3))
    #expect(abs(try #require(expected.epsilon) - epsilon) < 0.01 * epsilon)

    // The model moved by the noise: its parameters differ from those of a job without.
    let plain = try await TestNetwork.run(settings: settings)
    #expect(plain.report.privacy == nil)
    #expect(plain.report.stateRoot != finished.report.stateRoot)

    let model = finished.folder.url.appending(path: "model")
    try finished.network.exportModel(of: finished.job, to: model)
    try finished.network.exportRecords(of: finished.job, report: finished.report, to: model)
    try finished.network.signFolder(of: finished.job, at: model)
    for check in try JobFolder(model).check() {
      #expect(check.holds, "\(check.what): \(check.problem ?? "")")
    }
    // Without the roots of the noise the plan is not the program's.
    let records = model.appending(path: "job/records.json")
    let text = String(decoding: try Data(contentsOf: records), as: UTF8.self)
    try Data(text.replacing("\"noiseRoot\"", with: "\"notRoot\"").utf8).write(to: records)
    #expect(try JobFolder(model).check().contains { $0.problem?.contains("noise") == true })
  }

  @Test func threadsAndInterruptionsChangeNothing() async throws {
    let manifest = try TestNetwork.privateManifest(masked: true)
    let settings = try NetworkSettings(nodes: 3, check: .all, fault: FaultPlan(fault: .swappedFinal, node: 2))
    let whole = try await TestNetwork.run(settings: settings, manifest: manifest, threads: 1).report
    #expect(whole.status == "VERIFIED")
    #expect(whole.subJobs.contains { $0.status == "FAILED" && $0.node == 2 })

    let folder = try TemporaryFolder()
    var report: JobReport?
    var processes = 0
    while report == nil {
      processes += 1
      try #require(processes < 100, "the run makes no progress")
      let network = try LocalNetwork(folder: folder.url, seed: TestNetwork.seed(), settings: settings)
      let job = try network.submit(TestNetwork.request(network, manifest: manifest), once: true)
      let stop = StopFlag()
      let seen = Atomic<Int>(0)
      let limit = 7 * processes
      do {
        report = try await network.work(on: job, threads: 2, stop: stop) { _ in
          if seen.add(1, ordering: .relaxed).newValue == limit { stop.raise() }
        }
      } catch {
        guard error == .interrupted else { throw error }
      }
    }
    #expect(processes > 1)
    #expect(try report?.comparable == whole.comparable)
  }

  @Test func everyPartAndRoundHasNoiseOfItsOwn() throws {
    let splitter = Splitter(key: TestNetwork.key("splitter", 0))
    let parents = [0, 1].map { JobID(requester: TestNetwork.key("requester", $0).address, salt: .zero) }
    var seeds: Set<Bytes32> = []
    for parent in parents {
      for part in 0..<4 as Range<UInt32> {
        let schedule = splitter.noise(of: parent, part: part, rounds: 5)
        for round in 0..<5 as Range<UInt32> { seeds.insert(schedule.opening(round: round).seed) }
        // What a node knows of its part leads to none of them.
        let partSecret = splitter.partSecret(of: parent, part: part)
        #expect(NoiseSchedule(secret: partSecret, rounds: 5).root != schedule.root)
      }
    }
    #expect(seeds.count == 2 * 4 * 5)
  }
}
