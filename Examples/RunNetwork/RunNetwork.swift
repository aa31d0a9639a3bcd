import EmethCompute
import EmethKit
import EmethNetwork
import Foundation

/// A whole network in one process: two honest nodes, one that cheats, and what becomes of it.
@main struct RunNetwork {
  static func main() async throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "emeth-example-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    let seed = SHA256.hash(Array("example".utf8))
    let network = try LocalNetwork(
      folder: folder, seed: seed,
      settings: NetworkSettings(nodes: 3, check: .all, fault: FaultPlan(fault: .skipSteps, node: 2)))

    let text = String(repeating: "Rain on the roof, and a letter on the table.\n", count: 120)
    let manifest = try TrainingManifest(
      model: ModelShape(layers: 1, heads: 2, width: 16, context: 16, vocabularySize: 256),
      tokenizerHash: Bytes32(ByteTokenizer().hash) ?? .zero, seed: seed, batch: 4, stepsPerRound: 6,
      rounds: 2,
      segmentLength: 2, quantiserExponent: 22)
    let job = try network.submit(
      TrainingRequest(
        manifest: manifest, dataSetName: "rain", dataSet: try network.store.put(Data(text.utf8)), parallel: 3,
        fuelPrice: FuelPrice(gholon: 120), timeLimitSeconds: 3_600))

    let report = try await network.work(on: job, threads: 2)
    print("the job is \(report.status)")
    for subJob in report.subJobs where subJob.status != "VERIFIED" {
      print("part \(subJob.part + 1), node \(subJob.node ?? 0): \(subJob.status)")
    }
    print("granted = held + burned + locked: \(report.conservation.holds)")
    print(
      "tickets that check: \(report.tickets.filter { (try? $0.check(signer: network.signerAddress)) != nil }.count)"
    )
  }
}
