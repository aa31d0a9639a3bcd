import EmethKit
import Foundation
import Testing

@testable import EmethNetwork

/// The cgroups of modules, on folders that look like the kernel's.
@Suite struct ModuleControlGroupsTests {
  private func tree(_ files: [String: String]) throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    for (name, text) in files { try Data(text.utf8).write(to: folder.url.appending(path: name)) }
    return folder
  }

  private func text(_ folder: URL, _ name: String) throws -> String {
    try String(contentsOf: folder.appending(path: name), encoding: .utf8)
  }

  @Test func thisProcessMakesRoomAndHandsTheLimitsOn() throws {
    let own = try tree([
      "cgroup.controllers": "cpu memory pids\n", "cgroup.subtree_control": "", "cgroup.procs": "77\n",
    ])
    #expect(ModuleControlGroups.find(own: own.url, process: 77) != nil)
    #expect(try text(own.url, "emeth/cgroup.procs") == "77")
    #expect(try text(own.url, "cgroup.subtree_control") == "+memory +pids")
  }

  @Test func aRunAfterItFindsTheSamePlace() throws {
    let parent = try tree([
      "cgroup.controllers": "memory pids\n", "cgroup.subtree_control": "memory pids\n",
    ])
    let groups = try #require(
      ModuleControlGroups.find(own: parent.url.appending(path: "emeth"), process: 77))
    let limits = ModuleManifest.Limits()
    let group = try groups.make(limits)
    #expect(group.folder.deletingLastPathComponent().path == parent.url.path)
    #expect(try text(group.folder, "memory.max") == "\(limits.memoryBytes)")
    #expect(try text(group.folder, "pids.max") == "\(limits.processes + 2)")
    try group.add(5)
    #expect(try text(group.folder, "cgroup.procs") == "5")
    #expect(!group.hasKilled)
    let events = group.folder.appending(path: "memory.events")
    try Data("max 3\noom 0\noom_kill 0\n".utf8).write(to: events)
    #expect(!group.hasKilled)
    try Data("max 3\noom 1\noom_kill 2\n".utf8).write(to: events)
    #expect(group.hasKilled)
  }

  @Test func whereOthersAreInItNothingStaysChanged() throws {
    // The kernel refuses to hand limits on; here the file can't be written.
    let own = try tree(["cgroup.controllers": "memory pids\n", "cgroup.procs": ""])
    try FileManager.default.createDirectory(
      at: own.url.appending(path: "cgroup.subtree_control"), withIntermediateDirectories: false)
    #expect(ModuleControlGroups.find(own: own.url, process: 77) == nil)
    #expect(try text(own.url, "cgroup.procs") == "77", "it went back")
  }

  @Test func withoutBothControllersThereIsNone() throws {
    let own = try tree(["cgroup.controllers": "cpu pids\n", "cgroup.subtree_control": ""])
    #expect(ModuleControlGroups.find(own: own.url, process: 77) == nil)
    #expect(!FileManager.default.fileExists(atPath: own.url.appending(path: "emeth").path))
    #expect(ModuleControlGroups.find(own: own.url.appending(path: "nowhere"), process: 77) == nil)
  }
}
