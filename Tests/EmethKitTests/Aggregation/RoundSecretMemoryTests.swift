#if os(Linux)
  import Testing

  @testable import EmethKit

  /// Round secrets and the keys of masks leave no copy in the heap.
  @Suite struct RoundSecretMemoryTests {
    /// Masks with a secret of the search's bytes; says how often they lay in the heap meanwhile.
    @inline(never)
    private func use(_ search: HeapSearch, _ scene: inout AggregationScene) throws -> Int {
      guard let bytes = Bytes32(search.bytes) else { return -1 }
      let own = RoundSecret(bytes)
      let secrets = [own] + scene.secrets().dropFirst()
      let roster = try scene.roster(secrets)
      let mask = try UpdateMask(secret: own, roster: roster, member: scene.nodes[0].seat.jobID)
      let vector = try masked(scene.nodes[0].update, by: mask)
      let found = try search.countAnew()
      withExtendedLifetime((own, mask, vector)) {}
      return found
    }

    @Test func aReleasedRoundSecretIsNowhere() throws {
      var scene = AggregationScene(nodes: 3, coordinates: 3_000)
      let search = try HeapSearch(byteCount: 32) { bytes in
        var random = SystemRandomNumberGenerator()
        for index in bytes.indices { bytes[index] = UInt8.random(in: 1...127, using: &random) }
      }
      #expect(try search.countAnew() == 0)
      let found = try use(search, &scene)
      let left = search.count()
      #expect(found == 1 && left == 0)
    }

    @Test func aReleasedMaskKeyIsNowhere() throws {
      var scene = AggregationScene(nodes: 3, coordinates: 3_000)
      let secrets = scene.secrets()
      let roster = try scene.roster(secrets)
      let search = try HeapSearch(byteCount: 32) { bytes in
        let key = try secrets[0].maskKey(with: roster.entries[1], salt: roster.hash)
        key.withUnsafeBytes { bytes.copyMemory(from: $0) }
      }
      #expect(try search.countAnew() == 0)
      var found = 0
      do {
        let mask = try UpdateMask(secret: secrets[0], roster: roster, member: scene.nodes[0].seat.jobID)
        _ = try masked(scene.nodes[0].update, by: mask)
        found = try search.countAnew()
        withExtendedLifetime(mask) {}
      }
      let left = search.count()
      #expect(found == 1 && left == 0)
    }
  }
#endif
