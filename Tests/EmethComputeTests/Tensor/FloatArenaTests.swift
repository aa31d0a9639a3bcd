import Testing

@testable import EmethCompute

@Suite struct FloatArenaTests {
  @Test("zeros on a 64-byte border", arguments: [0, 1, 17, 100_000])
  func zeros(count: Int) throws {
    let arena = try FloatArena(count: count)
    #expect(arena.elements.count == count)
    #expect(Int(bitPattern: arena.base) % 64 == 0)
    #expect(arena.elements.allSatisfy { $0.bitPattern == 0 })
    for i in 0..<count { arena.elements[i] = -1 }
    arena.clear()
    #expect(arena.elements.allSatisfy { $0.bitPattern == 0 })
  }

  @Test("sizes that can't be are refused")
  func refused() {
    #expect(throws: ComputeError.self) { try FloatArena(count: -1) }
    #expect(throws: ComputeError.self) { try FloatArena(count: .max) }
    #expect(throws: ComputeError.outOfMemory(bytes: 1 << 62)) { try FloatArena(count: 1 << 60) }
  }
}
