import EmethKit
import Foundation
import Synchronization
import Testing

@testable import EmethNetwork

/// Who needs which object, on every database.
@Suite struct HoldStoreTests {
  private let one = JobID(requester: TestKeys.requester.address, salt: TestNetwork.seed(1))
  private let two = JobID(requester: TestKeys.requester.address, salt: TestNetwork.seed(2))
  private let account = TestKeys.other.address
  private let object = ObjectName.object(TestNetwork.seed(3))
  private let other = ObjectName.vector(TestNetwork.seed(4))

  @Test func namesAreThoseOfTheBucket() {
    let hash = Bytes32(Array(repeating: 0xAB, count: 32)) ?? .zero
    let digits = String(repeating: "ab", count: 32)
    #expect("\(ObjectName.object(hash))" == "objects/ab/\(digits)")
    #expect("\(ObjectName.vector(hash))" == "objects/vectors/\(digits)")
    #expect("\(ObjectName.splitter(hash))" == "splitter/ab/\(digits)")
    #expect("\(ObjectName.leaves(of: one))" == "splitter/leaves-\(one)")
  }

  /// An object stays as long as one of those needs it who have said so; to say it twice is to say it once.
  @Test(arguments: TestDatabase.all)
  func whatOneReleasesAnotherStillHolds(on kind: TestDatabase) throws {
    let folder = try TemporaryFolder()
    let database = try kind.open(in: folder)
    try database.write { db in
      for _ in 0..<2 {
        try HoldStore.take([object, other], for: one, .opening("a"), at: 5, in: db)
        try HoldStore.take([object], for: one, .opening("b"), at: 5, in: db)
        try HoldStore.take([object], for: two, .round(0), at: 5, in: db)
      }
      #expect(try HoldStore.claimRemoval(of: [object, other], at: 6, in: db).isEmpty)
      // A node that names what another has opened ends its own hold alone.
      try HoldStore.release(.opening("b"), of: one, in: db)
      #expect(try HoldStore.objects(of: one, .opening("a"), in: db) == [object, other].sorted())
      try HoldStore.release(.opening("a"), of: one, except: [other], in: db)
      #expect(try HoldStore.objects(of: one, .opening("a"), in: db) == [other])
      #expect(try HoldStore.isHeld(object, in: db) && HoldStore.isHeld(other, in: db))
      try HoldStore.release(.round(1), of: two, in: db)
      #expect(try HoldStore.isHeld(object, in: db))
      try HoldStore.release(.round(0), of: two, in: db)
      #expect(try HoldStore.claimRemoval(of: [object, other], at: 6, in: db) == [object])
    }
  }

  /// While something is being deleted nobody relies on it; afterwards it may come again.
  @Test(arguments: TestDatabase.all)
  func whatIsBeingDeletedIsHeldByNobody(on kind: TestDatabase) throws {
    let folder = try TemporaryFolder()
    let database = try kind.open(in: folder)
    #expect(
      try database.write { db in try HoldStore.claimRemoval(of: [object], at: 6, in: db) } == [object])
    #expect(try database.read { db in try HoldStore.removals(limit: 5, in: db) } == [object])
    let error = #expect(throws: NetworkError.self) {
      try database.write { db in try HoldStore.take([other, object], for: one, .job, at: 6, in: db) }
    }
    #expect(error?.code == "upload.busy")
    #expect(try database.read { db in try !HoldStore.isHeld(other, in: db) }, "all of them or none")
    let isDeleted = Mutex(false)
    Thread.detachNewThread {
      Thread.sleep(forTimeInterval: 0.2)
      isDeleted.withLock { $0 = true }
      try? database.write { db in try HoldStore.endRemoval(of: [object], in: db) }
    }
    // Who stores something waits for that.
    try HoldTaker(database: database).take(for: "\(one)", .job, object) { 7 }
    #expect(isDeleted.withLock { $0 })
    #expect(try database.read { db in try HoldStore.isHeld(object, in: db) })
  }

  /// Whoever comes first: never is something held and deleted at once.
  @Test(arguments: TestDatabase.all)
  func ofAHoldAndADeletionOneComesFirst(on kind: TestDatabase) async throws {
    let folder = try TemporaryFolder()
    let database = try kind.open(in: folder)
    let names = (0..<20).map { ObjectName.object(TestNetwork.seed(UInt64($0))) }
    let outcomes = try await withThrowingTaskGroup(of: (Int, Bool).self) { group in
      for (index, name) in names.enumerated() {
        group.addTask {
          try await blocking {
            let claimed = try database.write { db in
              try HoldStore.claimRemoval(of: [name], at: 6, in: db)
            }
            return (index, claimed == [name])
          }
        }
        group.addTask {
          try await blocking {
            do throws(NetworkError) {
              try database.write { db in try HoldStore.take([name], for: one, .job, at: 6, in: db) }
              return (index, true)
            } catch {
              #expect(error.code == "upload.busy")
              return (index, false)
            }
          }
        }
      }
      return try await group.reduce(into: [Int: Int]()) { $0[$1.0, default: 0] += $1.1 ? 1 : 0 }
    }
    #expect(names.indices.allSatisfy { outcomes[$0] == 1 }, "\(outcomes)")
    let (held, going) = try database.read { db in
      (try names.filter { try HoldStore.isHeld($0, in: db) }, try HoldStore.removals(limit: 100, in: db))
    }
    #expect(held.count + going.count == names.count && Set(held).isDisjoint(with: going))
  }

  @Test(arguments: TestDatabase.all)
  func whatAnAccountHasGivenCountsUntilAJobTakesIt(on kind: TestDatabase) throws {
    let folder = try TemporaryFolder()
    let database = try kind.open(in: folder)
    try database.write { db in
      #expect(try HoldStore.unusedByteCount(of: account, in: db) == 0)
      try HoldStore.take([object], for: account, .upload, byteCount: 3 << 40, at: 100, in: db)
      try HoldStore.take([other], for: account, .upload, byteCount: 7, at: 200, in: db)
      try HoldStore.take([other], for: TestKeys.requester.address, .upload, byteCount: 7, at: 300, in: db)
      #expect(try HoldStore.unusedByteCount(of: account, in: db) == 3 << 40 + 7)
      // Somebody else's job names it: it is of use.
      try HoldStore.take([object], for: two, .job, at: 100, in: db)
      #expect(try HoldStore.unusedByteCount(of: account, in: db) == 7)
      try HoldStore.takeOver([other], from: account, for: one, .vectors(2), at: 250, in: db)
      #expect(try HoldStore.unusedByteCount(of: account, in: db) == 0)
      try HoldStore.release(.vectors(2), of: one, in: db)
      #expect(try HoldStore.isHeld(other, in: db), "another account has given it too")
      try HoldStore.expire(.upload, before: 300, in: db)
      #expect(try HoldStore.isHeld(other, in: db))
      try HoldStore.expire(.upload, before: 301, in: db)
      #expect(try !HoldStore.isHeld(other, in: db) && HoldStore.isHeld(object, in: db))
    }
  }
}

extension Sequence<ObjectName> {
  /// By their names.
  func sorted() -> [ObjectName] { sorted { $0.description < $1.description } }
}
