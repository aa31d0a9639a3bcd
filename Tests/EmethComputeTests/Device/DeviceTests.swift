import Synchronization
import Testing

@testable import EmethCompute

@Suite struct DeviceTests {
  @Test("EMETH_CPU names a set; nothing named takes the best")
  func selection() throws {
    #expect(try Device.selected(by: nil) == Device.available.last)
    #expect(try Device.selected(by: "") == Device.available.last)
    for set in Device.available { #expect(try Device.selected(by: set.rawValue) == set) }
    let names = Device.available.map(\.rawValue)
    for text in ["AVX2", "sse9", " ", "portable "] {
      #expect(throws: ComputeError.unsupportedInstructionSet(found: text, available: names)) {
        try Device.selected(by: text)
      }
    }
    for set in InstructionSet.allCases where !set.isAvailable {
      #expect(throws: ComputeError.unsupportedInstructionSet(found: set.rawValue, available: names)) {
        try Device.cpu(threads: 1, instructionSet: set)
      }
    }
    #expect(Device.available.first == .portable)
  }

  @Test("numbers of threads out of range", arguments: [0, -1, 1025])
  func threads(count: Int) {
    #expect(throws: ComputeError.self) { try Device.cpu(threads: count) }
  }

  @Test("every index is visited once", arguments: [1, 2, 3, 8])
  func forEach(threads: Int) throws {
    let device = try Device.cpu(threads: threads, instructionSet: .portable)
    #expect(device.description == "cpu portable, \(threads) thread\(threads == 1 ? "" : "s")")
    for count in [0, 1, 2, 1000] {
      let visits = Mutex([Int](repeating: 0, count: count))
      device.forEach(count) { index in visits.withLock { $0[index] += 1 } }
      #expect(visits.withLock { $0.allSatisfy { $0 == 1 } })
    }
  }

  @Test("jobs that follow each other quickly neither lose nor repeat a task")
  func manyJobs() throws {
    let device = try Device.cpu(threads: 4, instructionSet: .portable)
    let total = Atomic(0)
    for _ in 0..<(20_000 * KernelSets.scale) {
      device.forEach(3) { total.add($0 + 1, ordering: .relaxed) }
    }
    #expect(total.load(ordering: .relaxed) == 6 * 20_000 * KernelSets.scale)
  }

  @Test("devices work side by side, and callers of one device wait for each other")
  func sideBySide() async throws {
    let shared = try Device.cpu(threads: 2, instructionSet: .portable)
    let sums = try await withThrowingTaskGroup(of: Float.self) { group in
      for _ in 0..<4 {
        group.addTask {
          let own = try Device.cpu(threads: 2, instructionSet: .portable)
          let values = [Float](repeating: 1, count: 100_000)
          return try values.withUnsafeBufferPointer { values throws(ComputeError) in
            try own.sum(values) + shared.sum(values)
          }
        }
      }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    #expect(sums == [200_000, 200_000, 200_000, 200_000])
  }
}
