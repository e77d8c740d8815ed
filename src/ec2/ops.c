/* SPDX-License-Identifier: Apache-2.0 */
/* Every operation: its names, its handler, and the parameters that it takes. */
#include "ec2/ops.h"

#include "ec2/launch.h"

/* Lists that many operations have. */
#define FILTERS "Filter.N.Name", "Filter.N.Value.N"
#define PAGES   "MaxResults", "NextToken"
#define TAGS                                                                                       \
	"TagSpecification.N.ResourceType", "TagSpecification.N.Tag.N.Key",                         \
		"TagSpecification.N.Tag.N.Value"
#define PERMISSIONS                                                                                \
	"GroupId", "GroupName", "IpProtocol", "FromPort", "ToPort", "CidrIp",                      \
		"IpPermissions.N.IpProtocol", "IpPermissions.N.FromPort",                          \
		"IpPermissions.N.ToPort", "IpPermissions.N.IpRanges.N.CidrIp",                     \
		"IpPermissions.N.IpRanges.N.Description", "IpPermissions.N.Ipv6Ranges.N.CidrIpv6", \
		"IpPermissions.N.Ipv6Ranges.N.Description", "IpPermissions.N.Groups.N.GroupId",    \
		"IpPermissions.N.Groups.N.UserId", "IpPermissions.N.Groups.N.Description"

/* What a launch template may hold, too. */
#define LAUNCH                                                                                     \
	"ImageId", "InstanceType", "KeyName", "SubnetId", "PrivateIpAddress", "UserData",          \
		"SecurityGroupId.N", "SecurityGroup.N", "IamInstanceProfile.Name",                 \
		"IamInstanceProfile.Arn", "Placement.AvailabilityZone", "Placement.Tenancy",       \
		"EnclaveOptions.Enabled", "MetadataOptions.HttpTokens",                            \
		"MetadataOptions.HttpPutResponseHopLimit", "MetadataOptions.HttpEndpoint",         \
		"MetadataOptions.InstanceMetadataTags", "MetadataOptions.HttpProtocolIpv6",        \
		"Monitoring.Enabled", "EbsOptimized", "DisableApiTermination", "DisableApiStop",   \
		"InstanceInitiatedShutdownBehavior", "BlockDeviceMapping.N.DeviceName",            \
		"BlockDeviceMapping.N.Ebs.VolumeSize", "BlockDeviceMapping.N.Ebs.VolumeType",      \
		"BlockDeviceMapping.N.Ebs.DeleteOnTermination",                                    \
		"BlockDeviceMapping.N.Ebs.Encrypted", TAGS

const char *const ec2_launch_params[] = {LAUNCH, NULL};

#define OP(name, function, ...)                                                                    \
	{                                                                                          \
#name, #name "Response", function, (const char *const[])                           \
		{                                                                                  \
			__VA_ARGS__, NULL                                                          \
		}                                                                                  \
	}

const struct ec2_op ec2_ops[] = {
	OP(AssociateIamInstanceProfile, ec2_associate_iam_instance_profile, "InstanceId",
		"IamInstanceProfile.Name", "IamInstanceProfile.Arn"),
	OP(AuthorizeSecurityGroupIngress, ec2_authorize_security_group_ingress, PERMISSIONS, TAGS),
	OP(CreateKeyPair, ec2_create_key_pair, "KeyName", "KeyType", "KeyFormat", TAGS),
	OP(CreateLaunchTemplate, ec2_create_launch_template, "LaunchTemplateName",
		"VersionDescription", "ClientToken", "LaunchTemplateData.*", TAGS),
	OP(CreateLaunchTemplateVersion, ec2_create_launch_template_version, "LaunchTemplateId",
		"LaunchTemplateName", "SourceVersion", "VersionDescription", "ClientToken",
		"LaunchTemplateData.*"),
	OP(CreateSecurityGroup, ec2_create_security_group, "GroupName", "GroupDescription", "VpcId",
		TAGS),
	OP(CreateTags, ec2_create_tags, "ResourceId.N", "Tag.N.Key", "Tag.N.Value"),
	OP(DeleteKeyPair, ec2_delete_key_pair, "KeyName", "KeyPairId"),
	OP(DeleteLaunchTemplate, ec2_delete_launch_template, "LaunchTemplateId",
		"LaunchTemplateName"),
	OP(DeleteLaunchTemplateVersions, ec2_delete_launch_template_versions, "LaunchTemplateId",
		"LaunchTemplateName", "LaunchTemplateVersion.N"),
	OP(DeleteSecurityGroup, ec2_delete_security_group, "GroupId", "GroupName"),
	OP(DeleteTags, ec2_delete_tags, "ResourceId.N", "Tag.N.Key", "Tag.N.Value"),
	OP(DeregisterImage, ec2_deregister_image, "ImageId"),
	OP(DescribeAccountAttributes, ec2_describe_account_attributes, "AttributeName.N"),
	OP(DescribeAvailabilityZones, ec2_describe_availability_zones, FILTERS, "ZoneName.N",
		"ZoneId.N", "AllAvailabilityZones"),
	OP(DescribeIamInstanceProfileAssociations, ec2_describe_iam_instance_profile_associations,
		FILTERS, PAGES, "AssociationId.N"),
	OP(DescribeImages, ec2_describe_images, FILTERS, PAGES, "ImageId.N", "Owner.N",
		"ExecutableBy.N", "IncludeDeprecated", "IncludeDisabled"),
	OP(DescribeInstanceAttribute, ec2_describe_instance_attribute, "InstanceId", "Attribute"),
	OP(DescribeInstanceStatus, ec2_describe_instance_status, FILTERS, PAGES, "InstanceId.N",
		"IncludeAllInstances"),
	OP(DescribeInstanceTypeOfferings, ec2_describe_instance_type_offerings, FILTERS, PAGES,
		"LocationType"),
	OP(DescribeInstanceTypes, ec2_describe_instance_types, FILTERS, PAGES, "InstanceType.N"),
	OP(DescribeInstances, ec2_describe_instances, FILTERS, PAGES, "InstanceId.N"),
	OP(DescribeKeyPairs, ec2_describe_key_pairs, FILTERS, "KeyName.N", "KeyPairId.N",
		"IncludePublicKey"),
	OP(DescribeLaunchTemplateVersions, ec2_describe_launch_template_versions,
		"LaunchTemplateId", "LaunchTemplateName", "LaunchTemplateVersion.N", "MinVersion",
		"MaxVersion", PAGES),
	OP(DescribeLaunchTemplates, ec2_describe_launch_templates, FILTERS, PAGES,
		"LaunchTemplateId.N", "LaunchTemplateName.N"),
	OP(DescribeNetworkInterfaces, ec2_describe_network_interfaces, FILTERS, PAGES,
		"NetworkInterfaceId.N"),
	OP(DescribeRegions, ec2_describe_regions, FILTERS, "RegionName.N", "AllRegions"),
	OP(DescribeSecurityGroupRules, ec2_describe_security_group_rules, FILTERS, PAGES,
		"SecurityGroupRuleId.N"),
	OP(DescribeSecurityGroups, ec2_describe_security_groups, FILTERS, PAGES, "GroupId.N",
		"GroupName.N"),
	OP(DescribeSubnets, ec2_describe_subnets, FILTERS, PAGES, "SubnetId.N"),
	OP(DescribeTags, ec2_describe_tags, FILTERS, PAGES),
	OP(DescribeVolumes, ec2_describe_volumes, FILTERS, PAGES, "VolumeId.N"),
	OP(DescribeVpcs, ec2_describe_vpcs, FILTERS, PAGES, "VpcId.N"),
	OP(DisassociateIamInstanceProfile, ec2_disassociate_iam_instance_profile, "AssociationId"),
	OP(GetConsoleOutput, ec2_get_console_output, "InstanceId", "Latest"),
	OP(ImportKeyPair, ec2_import_key_pair, "KeyName", "PublicKeyMaterial", TAGS),
	OP(ModifyInstanceAttribute, ec2_modify_instance_attribute, "InstanceId", "Attribute",
		"Value", "GroupId.N", "InstanceType.Value", "UserData.Value",
		"DisableApiTermination.Value", "DisableApiStop.Value", "EbsOptimized.Value",
		"SourceDestCheck.Value", "InstanceInitiatedShutdownBehavior.Value"),
	OP(ModifyInstanceMetadataOptions, ec2_modify_instance_metadata_options, "InstanceId",
		"HttpTokens", "HttpPutResponseHopLimit", "HttpEndpoint", "InstanceMetadataTags"),
	OP(ModifyLaunchTemplate, ec2_modify_launch_template, "LaunchTemplateId",
		"LaunchTemplateName", "SetDefaultVersion", "ClientToken"),
	OP(RebootInstances, ec2_reboot_instances, "InstanceId.N"),
	OP(RegisterImage, ec2_register_image, "Name", "ImageLocation", "Description",
		"Architecture", "VirtualizationType", "RootDeviceName", "BootMode", "ImdsSupport",
		"EnaSupport", TAGS),
	OP(RevokeSecurityGroupIngress, ec2_revoke_security_group_ingress, PERMISSIONS,
		"SecurityGroupRuleId.N"),
	OP(RunInstances, ec2_run_instances, LAUNCH, "MinCount", "MaxCount", "ClientToken",
		"LaunchTemplate.LaunchTemplateId", "LaunchTemplate.LaunchTemplateName",
		"LaunchTemplate.Version"),
	OP(StartInstances, ec2_start_instances, "InstanceId.N", "AdditionalInfo"),
	OP(StopInstances, ec2_stop_instances, "InstanceId.N", "Force"),
	OP(TerminateInstances, ec2_terminate_instances, "InstanceId.N"),
};

const size_t ec2_ops_count = RD_ARRAY_LEN(ec2_ops);
