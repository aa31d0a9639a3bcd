import EmethKit
import Testing

/// Keys, hashes and the shared curve context from many tasks at once.
@Suite struct ConcurrencyTests {
  @Test func oneKeySignsFromManyTasks() async throws {
    let key = PrivateKey(seed: .zero, label: "concurrency", index: 0)
    let expected = (0..<64).map { key.sign(Bytes32(UInt256($0))) }
    try await withThrowingTaskGroup(of: (Int, Signature, Address).self) { group in
      for index in 0..<64 {
        group.addTask {
          let digest = Bytes32(UInt256(index))
          let signature = key.sign(digest)
          return (index, signature, try signature.recoverAddress(from: digest))
        }
      }
      for try await (index, signature, signer) in group {
        #expect(signature == expected[index] && signer == key.address)
      }
    }
  }

  @Test func copiesOfAHashAreFinishedByManyTasks() async {
    var hash = SHA256()
    hash.update("shared ".utf8)
    let start = hash
    await withTaskGroup(of: (Int, Bytes32).self) { group in
      for index in 0..<64 {
        group.addTask {
          var copy = start
          copy.update("task \(index)".utf8)
          return (index, copy.finalize())
        }
      }
      for await (index, digest) in group {
        #expect(digest == SHA256.hash("shared task \(index)".utf8))
      }
    }
  }
}
