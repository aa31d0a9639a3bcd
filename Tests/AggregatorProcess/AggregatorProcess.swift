import EmethKit
import EmethNetwork
import Foundation

/// The Aggregator as a process of its own, whose memory and files a test searches for updates.
///
/// One line of JSON on standard input; the signed sum comes back as a line on standard output. Then it holds
/// on to all it has seen until its input ends.
@main
struct AggregatorProcess {
  /// What it is told.
  struct Task: Decodable {
    /// The folder of the objects, in which the vectors lie.
    var store: String
    /// Its own folder.
    var folder: String
    /// The number of its made-up key.
    var key: UInt32
    var offer: CohortMessage
    var masked: [CohortMessage]
    /// A file that it should not have: what the search must find.
    var plant: String?
  }

  static func main() throws {
    guard let line = readLine() else { return }
    let task = try JSONDecoder().decode(Task.self, from: Data(line.utf8))
    let planted = try task.plant.map { try Data(contentsOf: URL(filePath: $0)) }
    let store = try ContentStore(folder: URL(filePath: task.store))
    let aggregator = Aggregator(
      key: PrivateKey(seed: SHA256.hash(Array("process".utf8)), label: "aggregator", index: task.key),
      store: store, domain: .embedded, folder: URL(filePath: task.folder))
    let encoder = WireFormat.encoder
    let sum = try aggregator.add(
      encoder.encode(task.offer), masked: task.masked.map { try encoder.encode($0) }, again: false,
      work: VectorWork(threads: 2))
    // In memory of its own, not mapped.
    let vectors = store.folder.appending(path: "vectors")
    let held = try FileManager.default.contentsOfDirectory(atPath: vectors.path).map {
      try Data(contentsOf: vectors.appending(path: $0))
    }
    print(String(decoding: sum, as: UTF8.self))
    fflush(nil)
    while readLine() != nil {}
    withExtendedLifetime((planted, held)) {}
  }
}
